#!/usr/bin/zsh -f
# complete.zsh DIRECTORY LINE: what zsh proposes at the end of a line, one a line, by the functions in DIRECTORY. A shell with a terminal of its own
# completes the line; there each call of compadd prints its candidates that match.
zmodload zsh/zpty || exit 2
typeset -aU proposals
script=$(mktemp)
trap 'rm -f $script' EXIT
cat >$script <<END
PROMPT=
fpath=(${(q)1} \$fpath)
autoload -Uz compinit && compinit -D -u
compadd() {
  # These calls only ask which match.
  if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    local -a found
    builtin compadd -O found "\$@"
    (( \$#found )) && print -rl -- proposal:\${^found}
  fi
  builtin compadd "\$@"
}
propose() { _main_complete; print -r -- end:; exit }
zle -C propose complete-word propose
bindkey '^I' propose
print ready:
END
zpty shell zsh -f -i
zpty -w shell "source $script"
while zpty -r shell line && [[ $line != *ready:* ]]; do :; done
zpty -n -w shell "$2"$'\t'
while zpty -r shell line && [[ $line != *end:* ]]; do
  line=${${line//$'\r'/}%%$'\n'*}
  [[ $line == *proposal:* ]] && proposals+=(${line##*proposal:})
done
zpty -d shell
(( $#proposals )) && print -rl -- $proposals
exit 0
