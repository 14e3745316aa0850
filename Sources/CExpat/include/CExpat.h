// libexpat's parser of XML, and memory for it. Every function of ours has the prefix cexpat_.
#pragma once

#include <expat.h>

// A parser whose memory is overwritten before it is freed: an answer of OSS may quote a security token. NULL when there is no memory.
XML_Parser cexpat_parser_create(void);
