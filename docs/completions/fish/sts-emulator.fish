# fish completion of sts-emulator. Made by Tests/Tools/manual/manual from its --help.

complete -c sts-emulator -f
complete -c sts-emulator -l config -r -F -d 'the configuration file: accounts, users, AccessKeys, roles, policies and VOD\'s settings, in TOML'
complete -c sts-emulator -l listen -x -d 'the address and port to answer STS and VOD requests on, over TLS; port 0 is any free port; default 127.0.0.1:0'
complete -c sts-emulator -l ca-out -r -F -d 'the file to write the certificate authority\'s certificate to, in PEM form: what clients have to trust (ca_file of rolekeeper, --cacert of curl)'
complete -c sts-emulator -l control -x -d 'the address and port to take control requests on, in plain HTTP and without authentication; port 0 is any free port'
complete -c sts-emulator -l objects -x -a '(__fish_complete_directories)' -d 'the directory to keep the objects of OSS in, as files BUCKET/KEY; it is made if need be. Without it there is no OSS'
complete -c sts-emulator -l oss-port -x -d 'the port to answer OSS requests on, over TLS, at the address of --listen; by default any free port'
complete -c sts-emulator -l ecs -x -d 'the address and port to answer requests to an ECS instance\'s metadata service on, in plain HTTP; port 0 is any free port'
complete -c sts-emulator -l credentials-uri -x -d 'the address and port to answer requests to a credentials URI on, over TLS, to clients with a certificate of the same authority; port 0 is any free port'
complete -c sts-emulator -l credentials-socket -r -F -d 'the Unix socket to answer the same requests on, in plain HTTP; a former one is replaced'
complete -c sts-emulator -l client-out -r -F -d 'the file to write a client certificate and its key to, in PEM form, for --credentials-uri'
complete -c sts-emulator -l kms -x -d 'the address and port to answer KMS Agent\'s requests on, in plain HTTP; port 0 is any free port'
complete -c sts-emulator -l kms-token-out -r -F -d 'the file to write the token to that clients of --kms send as X-KMS-Token (/var/run/kmstoken in the cloud)'
complete -c sts-emulator -l name -x -d 'another host name for the server\'s certificate, beside localhost, 127.0.0.1, sts.aliyuncs.com, sts.REGION.aliyuncs.com for cn-hangzhou, cn-shanghai and cn-beijing, and vod.cn-shanghai.aliyuncs.com; may be repeated'
complete -c sts-emulator -l help -d 'show help information'
