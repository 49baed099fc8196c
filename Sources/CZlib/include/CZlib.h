#ifndef CZLIB_H
#define CZLIB_H

#include <zlib.h>

/* zlib's own interface, and its two macros as functions. */

/* deflateInit2 with method deflate and the default strategy. window_bits as zlib has them: 9..15 zlib, -15..-9 raw. */
int cti_deflate_init(z_stream *stream, int level, int window_bits, int memory_level);

/* inflateInit2. window_bits as above. */
int cti_inflate_init(z_stream *stream, int window_bits);

#endif
