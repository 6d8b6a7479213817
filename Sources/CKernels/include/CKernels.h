// Kernels that Swift cannot say: SSE2 comparisons, checksums, string hashing.
//
// `static inline` functions are inlined into Swift callers and use only SSE2, which every x86-64
// has; on other processors the same functions are written as plain loops. Those in .c files choose
// wider instructions when the processor has them.
#ifndef WIDEFIELD_CKERNELS_H
#define WIDEFIELD_CKERNELS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define WF_SSE2 1
#else
#define WF_SSE2 0
#endif

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continuing from `seed` (0 to begin).
uint32_t wf_crc32c(uint32_t seed, const void *bytes, size_t length);

// ---------------------------------------------------------------------------------------- hashing

static inline uint64_t wf_read64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline uint64_t wf_read32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }

static inline uint64_t wf_mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// Hash of a byte string for tables in memory; never stored. Reads no byte outside the string.
static inline uint64_t wf_hash(const uint8_t *p, size_t length, uint64_t seed) {
    const uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull;
    uint64_t a, b;
    seed ^= k0;
    if (length <= 16) {
        if (length >= 8) {
            a = wf_read64(p);
            b = wf_read64(p + length - 8);
        } else if (length >= 4) {
            a = wf_read32(p);
            b = wf_read32(p + length - 4);
        } else if (length > 0) {
            a = ((uint64_t)p[0] << 16) | ((uint64_t)p[length >> 1] << 8) | p[length - 1];
            b = 0;
        } else {
            a = b = 0;
        }
    } else {
        size_t left = length;
        while (left > 16) {
            seed = wf_mix(wf_read64(p) ^ k1, wf_read64(p + 8) ^ seed);
            p += 16;
            left -= 16;
        }
        a = wf_read64(p + left - 16);
        b = wf_read64(p + left - 8);
    }
    return wf_mix(k1 ^ length, wf_mix(a ^ k1, b ^ seed));
}

/// The ends of a byte string: all of one that is short, and what tells most longer ones apart.
///
/// Of at most 15 bytes: all of them, zeros, and in the highest byte of `last` how many they are. Of
/// more: the first 8 and the last 8, of which the very last is replaced by 255, so that no string has
/// the ends of a shorter one.
struct wf_ends {
    uint64_t first;
    uint64_t last;
};

/// Bytes of the longest string that is all in its ends.
#define WF_ENDS_WHOLE 15

/// Reads no byte outside the string.
static inline struct wf_ends wf_ends_of(const uint8_t *p, size_t length) {
    struct wf_ends ends = {0, (uint64_t)length << 56};
    if (length > WF_ENDS_WHOLE) {
        ends.first = wf_read64(p);
        ends.last = wf_read64(p + length - 8) | 0xffull << 56;
    } else if (length >= 8) {
        ends.first = wf_read64(p);
        // Two shifts, for there may be nothing left of the second eight.
        ends.last |= wf_read64(p + length - 8) >> (15 - length) * 8 >> 8;
    } else if (length >= 4) {
        ends.first = wf_read32(p) | wf_read32(p + length - 4) << (length - 4) * 8;
    } else if (length > 0) {
        ends.first = (uint64_t)p[0] | (uint64_t)p[length >> 1] << (length >> 1) * 8
            | (uint64_t)p[length - 1] << (length - 1) * 8;
    }
    return ends;
}

/// Hash of a byte string whose ends are known, for tables in memory; never stored. Reads no byte
/// outside the string, and of a short one none at all. No UTF-8 holds the bytes of either constant,
/// so no end makes a factor 0.
static inline uint64_t wf_hash_with_ends(
    const uint8_t *p, size_t length, uint64_t first, uint64_t last
) {
    const uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull;
    uint64_t seed = k0;
    if (length > WF_ENDS_WHOLE) {
        for (size_t i = 8; i + 8 < length; i += 16) {
            uint64_t next = i + 16 < length ? wf_read64(p + i + 8) : 0;
            seed = wf_mix(wf_read64(p + i) ^ k1, next ^ seed);
        }
        seed ^= length * 0x9e3779b97f4a7c15ull;
        last = wf_read64(p + length - 8);
    }
    return wf_mix(first ^ k1, last ^ seed);
}

/// Hash of one 64-bit word for tables in memory.
static inline uint64_t wf_hash64(uint64_t value) {
    return wf_mix(value ^ 0xa0761d6478bd642full, 0xe7037ed1a0b428dbull);
}

// ------------------------------------------------------------------------------------- JSON strings

/// A JSON string of which all bytes are ASCII and none is a backslash or a control character.
struct wf_plain_string {
    /// Bytes before its closing quote; −1 where there is no such string.
    int64_t length;
    struct wf_ends ends;
};

/// Reads a string from the byte behind its opening quote. Needs a zero after the body, and 15 readable
/// bytes more.
static inline struct wf_plain_string wf_read_plain_string(const uint8_t *p) {
    struct wf_plain_string read = {-1, {0, 0}};
    const uint8_t *start = p;
#if WF_SSE2
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    for (;; p += 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)p);
        // As signed bytes, what is not ASCII is below the space too.
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(chunk, quote), _mm_cmpeq_epi8(chunk, backslash)),
            _mm_cmplt_epi8(chunk, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0) {
            unsigned count = (unsigned)__builtin_ctz(mask);
            if (p[count] != '"') return read;
            if (p == start) {
                // Most strings. Their ends are cut out of the chunk without a branch for each length.
                static const uint8_t kept_and_cut[32] = {
                    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                };
                __m128i kept = _mm_loadu_si128((const __m128i *)(kept_and_cut + 16 - count));
                chunk = _mm_and_si128(chunk, kept);
                read.length = count;
                read.ends.first = (uint64_t)_mm_cvtsi128_si64(chunk);
                read.ends.last = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(chunk, chunk))
                    | (uint64_t)count << 56;
                return read;
            }
            p += count;
            break;
        }
    }
#else
    while (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') p++;
    if (*p != '"') return read;
#endif
    read.length = p - start;
    read.ends = wf_ends_of(start, (size_t)read.length);
    return read;
}

/// What `wf_scan_string` met.
struct wf_string_scan {
    /// Bytes before the first quote, backslash or control character.
    size_t length;
    /// Whether any of them is not ASCII.
    bool has_non_ascii;
};

/// Scans a JSON string's bytes from `p` to the first `"`, `\` or byte below 0x20, at most to `end`.
/// Needs 16 readable bytes after `end`.
static inline struct wf_string_scan wf_scan_string(const uint8_t *p, const uint8_t *end) {
    struct wf_string_scan result = {0, false};
    const uint8_t *start = p;
#if WF_SSE2
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i low = _mm_set1_epi8(0x1f);
    unsigned non_ascii = 0;
    for (;;) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)p);
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(chunk, quote), _mm_cmpeq_epi8(chunk, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(chunk, low), chunk));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        unsigned high = (unsigned)_mm_movemask_epi8(chunk);
        if (mask != 0) {
            unsigned at = (unsigned)__builtin_ctz(mask);
            non_ascii |= high & ((1u << at) - 1);
            p += at;
            break;
        }
        non_ascii |= high;
        p += 16;
        if (p >= end) break;
    }
    if (p > end) p = end;
    result.has_non_ascii = non_ascii != 0;
#else
    while (p < end && *p >= 0x20 && *p != '"' && *p != '\\') {
        result.has_non_ascii |= *p >= 0x80;
        p++;
    }
#endif
    result.length = (size_t)(p - start);
    return result;
}

/// Whether two byte strings of one length are equal.
static inline bool wf_equal(const uint8_t *a, const uint8_t *b, size_t length) {
    if (length >= 16) {
#if WF_SSE2
        size_t i = 0;
        for (; i + 16 <= length; i += 16) {
            __m128i x = _mm_loadu_si128((const __m128i *)(a + i));
            __m128i y = _mm_loadu_si128((const __m128i *)(b + i));
            if (_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) != 0xffff) return false;
        }
        if (i == length) return true;
        __m128i x = _mm_loadu_si128((const __m128i *)(a + length - 16));
        __m128i y = _mm_loadu_si128((const __m128i *)(b + length - 16));
        return _mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) == 0xffff;
#else
        return memcmp(a, b, length) == 0;
#endif
    }
    if (length >= 8)
        return wf_read64(a) == wf_read64(b)
            && wf_read64(a + length - 8) == wf_read64(b + length - 8);
    if (length >= 4)
        return wf_read32(a) == wf_read32(b)
            && wf_read32(a + length - 4) == wf_read32(b + length - 4);
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i]) return false;
    return true;
}

/// Has the cache line at `p` brought near, for it will be written soon; `p` may be anywhere.
static inline void wf_prefetch(const void *p) { __builtin_prefetch(p, 1, 3); }

/// As `wf_prefetch`, for a line that is only read.
static inline void wf_prefetch_read(const void *p) { __builtin_prefetch(p, 0, 3); }

/// Whether the bytes at `p` are those of `frame` wherever `mask` has a bit, bit i for byte i; reads
/// 32 bytes of each.
static inline bool wf_begins_with(const void *frame, const uint8_t *p, uint32_t mask) {
#if WF_SSE2
    const __m128i *a = (const __m128i *)frame, *b = (const __m128i *)p;
    uint32_t low = (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
    uint32_t high = (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1)));
    return (~(low | high << 16) & mask) == 0;
#else
    const uint8_t *bytes = frame;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1 && bytes[i] != p[i]) return false;
    return true;
#endif
}

/// Whether two byte strings of one length are equal; reads up to 15 bytes beyond each.
static inline bool wf_equal_padded(const uint8_t *a, const uint8_t *b, size_t length) {
#if WF_SSE2
    size_t i = 0;
    for (; i + 16 <= length; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(a + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(b + i));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) != 0xffff) return false;
    }
    if (i == length) return true;
    __m128i x = _mm_loadu_si128((const __m128i *)(a + i));
    __m128i y = _mm_loadu_si128((const __m128i *)(b + i));
    unsigned want = (1u << (length - i)) - 1;
    return ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) & want) == want;
#else
    return memcmp(a, b, length) == 0;
#endif
}

// ---------------------------------------------------------------------------------- text and numbers

/// Whether `length` bytes are ASCII. Needs 15 readable bytes after them.
static inline bool wf_is_ascii_padded(const uint8_t *p, size_t length) {
#if WF_SSE2
    unsigned high = 0;
    size_t i = 0;
    for (; i + 16 <= length; i += 16)
        high |= (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)));
    unsigned rest = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)));
    return (high | (rest & ((1u << (length - i)) - 1))) == 0;
#else
    uint8_t all = 0;
    for (size_t i = 0; i < length; i++) all |= p[i];
    return all < 0x80;
#endif
}

/// Whether `length` bytes are UTF-8: no overlong forms, no surrogates.
bool wf_is_utf8(const uint8_t *p, size_t length);

/// The double nearest to the decimal number at `text`, infinite when it is too large.
/// The number's grammar is already checked; a byte that cannot continue a number follows it.
double wf_parse_double(const uint8_t *text);
/// Writes a double as printf's `verb` (one of e, f, g) does with so many digits; returns the length that
/// it has, or would have were `size` larger.
size_t wf_print_double(char *text, size_t size, double value, char verb, int precision);
// ------------------------------------------------------------------------------- codes to bitmaps

/// ORs into `words` the rows whose 8-bit code is `code`; row i is bit i % 64 of word i / 64.
static inline void wf_or_equal8(const uint8_t *codes, size_t rows, uint8_t code, uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    const __m128i wanted = _mm_set1_epi8((char)code);
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 4; part++) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)(codes + row + part * 16));
            uint64_t mask = (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(chunk, wanted));
            word |= mask << (part * 16);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++) words[row / 64] |= (uint64_t)(codes[row] == code) << (row % 64);
}

/// As `wf_or_equal8`, for 16-bit codes.
static inline void wf_or_equal16(const uint16_t *codes, size_t rows, uint16_t code,
                                 uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    const __m128i wanted = _mm_set1_epi16((short)code);
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 4; part++) {
            const __m128i *at = (const __m128i *)(codes + row + part * 16);
            __m128i low = _mm_cmpeq_epi16(_mm_loadu_si128(at), wanted);
            __m128i high = _mm_cmpeq_epi16(_mm_loadu_si128(at + 1), wanted);
            uint64_t mask = (uint16_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
            word |= mask << (part * 16);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++) words[row / 64] |= (uint64_t)(codes[row] == code) << (row % 64);
}

/// As `wf_or_equal8`, for 32-bit codes.
static inline void wf_or_equal32(const uint32_t *codes, size_t rows, uint32_t code,
                                 uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    const __m128i wanted = _mm_set1_epi32((int)code);
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 16; part++) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)(codes + row + part * 4));
            uint64_t mask =
                (uint64_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(chunk, wanted)));
            word |= mask << (part * 4);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++) words[row / 64] |= (uint64_t)(codes[row] == code) << (row % 64);
}

#define WF_OR_TABLE(name, type)                                                                  \
    static inline void name(const type *codes, size_t rows, const uint8_t *table,                \
                            uint64_t *words) {                                                   \
        size_t row = 0;                                                                          \
        for (; row + 64 <= rows; row += 64) {                                                    \
            uint64_t word = 0;                                                                   \
            for (int bit = 0; bit < 64; bit++) word |= (uint64_t)table[codes[row + bit]] << bit; \
            words[row / 64] |= word;                                                             \
        }                                                                                        \
        for (; row < rows; row++) words[row / 64] |= (uint64_t)table[codes[row]] << (row % 64);  \
    }

/// ORs into `words` the rows whose code has a 1 in `table` (0 or 1 a code).
WF_OR_TABLE(wf_or_table8, uint8_t)
WF_OR_TABLE(wf_or_table16, uint16_t)
WF_OR_TABLE(wf_or_table32, uint32_t)

/// Sets in `words`, all zero, the rows whose code is not 0; bits beyond `rows` are left undefined.
static inline void wf_nonzero8(const uint8_t *codes, size_t rows, uint64_t *words) {
    wf_or_equal8(codes, rows, 0, words);
    for (size_t word = 0; word < (rows + 63) / 64; word++) words[word] = ~words[word];
}
/// As `wf_nonzero8`, for 16-bit codes.
static inline void wf_nonzero16(const uint16_t *codes, size_t rows, uint64_t *words) {
    wf_or_equal16(codes, rows, 0, words);
    for (size_t word = 0; word < (rows + 63) / 64; word++) words[word] = ~words[word];
}
/// As `wf_nonzero8`, for 32-bit codes.
static inline void wf_nonzero32(const uint32_t *codes, size_t rows, uint64_t *words) {
    wf_or_equal32(codes, rows, 0, words);
    for (size_t word = 0; word < (rows + 63) / 64; word++) words[word] = ~words[word];
}

/// ORs into `words` the rows whose 8-bit code is from `low` to `high`, both included.
static inline void wf_or_range8(const uint8_t *codes, size_t rows, uint8_t low, uint8_t high,
                                uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    // Moved down by `low`, a code is in the range when taking the range's width from it, not
    // below 0, leaves nothing.
    const __m128i down = _mm_set1_epi8((char)low), width = _mm_set1_epi8((char)(high - low));
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 4; part++) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)(codes + row + part * 16));
            __m128i over = _mm_subs_epu8(_mm_sub_epi8(chunk, down), width);
            uint64_t mask =
                (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(over, _mm_setzero_si128()));
            word |= mask << (part * 16);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++)
        words[row / 64] |= (uint64_t)((uint8_t)(codes[row] - low) <= (uint8_t)(high - low))
            << (row % 64);
}

/// As `wf_or_range8`, for 16-bit codes.
static inline void wf_or_range16(const uint16_t *codes, size_t rows, uint16_t low, uint16_t high,
                                 uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    const __m128i down = _mm_set1_epi16((short)low), width = _mm_set1_epi16((short)(high - low));
    const __m128i zero = _mm_setzero_si128();
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 4; part++) {
            const __m128i *at = (const __m128i *)(codes + row + part * 16);
            __m128i a = _mm_subs_epu16(_mm_sub_epi16(_mm_loadu_si128(at), down), width);
            __m128i b = _mm_subs_epu16(_mm_sub_epi16(_mm_loadu_si128(at + 1), down), width);
            __m128i both = _mm_packs_epi16(_mm_cmpeq_epi16(a, zero), _mm_cmpeq_epi16(b, zero));
            word |= (uint64_t)(uint16_t)_mm_movemask_epi8(both) << (part * 16);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++)
        words[row / 64] |= (uint64_t)((uint16_t)(codes[row] - low) <= (uint16_t)(high - low))
            << (row % 64);
}

/// As `wf_or_range8`, for 32-bit codes.
static inline void wf_or_range32(const uint32_t *codes, size_t rows, uint32_t low, uint32_t high,
                                 uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    // Only signed numbers are compared: the sign bit is turned around on both sides.
    const __m128i down = _mm_set1_epi32((int)(low ^ 0x80000000u));
    const __m128i turn = _mm_set1_epi32((int)0x80000000u);
    const __m128i width = _mm_set1_epi32((int)((high - low) ^ 0x80000000u));
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 16; part++) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)(codes + row + part * 4));
            __m128i moved = _mm_sub_epi32(_mm_xor_si128(chunk, turn), down);
            __m128i over = _mm_cmpgt_epi32(_mm_xor_si128(moved, turn), width);
            uint64_t mask = (uint64_t)(~_mm_movemask_ps(_mm_castsi128_ps(over)) & 15);
            word |= mask << (part * 4);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++)
        words[row / 64] |= (uint64_t)(codes[row] - low <= high - low) << (row % 64);
}

/// ORs into `words` the rows whose number is from `low` to `high`, both included.
static inline void wf_or_range_double(const double *values, size_t rows, double low, double high,
                                      uint64_t *words) {
    size_t row = 0;
#if WF_SSE2
    const __m128d from = _mm_set1_pd(low), to = _mm_set1_pd(high);
    for (; row + 64 <= rows; row += 64) {
        uint64_t word = 0;
        for (int part = 0; part < 32; part++) {
            __m128d chunk = _mm_loadu_pd(values + row + part * 2);
            __m128d in = _mm_and_pd(_mm_cmpge_pd(chunk, from), _mm_cmple_pd(chunk, to));
            word |= (uint64_t)_mm_movemask_pd(in) << (part * 2);
        }
        words[row / 64] |= word;
    }
#endif
    for (; row < rows; row++)
        words[row / 64] |= (uint64_t)(values[row] >= low && values[row] <= high) << (row % 64);
}

// ---------------------------------------------------------------------------------------- counting

/// Adds to `counts` how often each of `cells` numbers occurs among 8-bit ones. What it has for those
/// from `cells` on, if there are any, means nothing.
///
/// Few numbers are compared with 32 rows at a time. Else four tables by turns: rows of one number
/// would wait for each other's store.
void wf_count8(const uint8_t *numbers, size_t rows, uint64_t *counts, size_t cells);

/// Copies 8-bit numbers, `other` in place of those whose bit of `words` is 0.
void wf_select8(const uint8_t *numbers, size_t rows, const uint64_t *words, uint8_t other,
                uint8_t *selected);

/// The order of two byte strings: negative, 0 or positive.
static inline int wf_compare(const uint8_t *a, size_t a_length, const uint8_t *b,
                             size_t b_length) {
    size_t shorter = a_length < b_length ? a_length : b_length;
    int order = shorter > 0 ? memcmp(a, b, shorter) : 0;
    if (order != 0) return order;
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

/// Of the C library; its header names it only on request.
extern void *memmem(const void *text, size_t length, const void *needle, size_t needle_length);

/// Needles above which their repeats could cost more than a search in linear time.
#define WF_SHORT_NEEDLE 64

/// Where `needle` begins in `text`, or `length` when it does not; an empty needle is at 0.
static inline size_t wf_find(const uint8_t *text, size_t length, const uint8_t *needle,
                             size_t needle_length) {
    if (needle_length == 0) return 0;
    if (needle_length > length) return length;
    if (needle_length > WF_SHORT_NEEDLE) {
        const uint8_t *found = (const uint8_t *)memmem(text, length, needle, needle_length);
        return found == NULL ? length : (size_t)(found - text);
    }
    const uint8_t *p = text, *last = text + (length - needle_length);
    while (p <= last) {
        p = (const uint8_t *)memchr(p, needle[0], (size_t)(last - p) + 1);
        if (p == NULL) return length;
        if (memcmp(p, needle, needle_length) == 0) return (size_t)(p - text);
        p++;
    }
    return length;
}

// ---------------------------------------------------------------------------------------- numbers

static inline double wf_log10(double value) { return log10(value); }
static inline double wf_log(double value) { return log(value); }
static inline double wf_exp10(double value) { return pow(10, value); }

// ------------------------------------------------------------------------------- parts of strings

/// The first place from `start` on where `needle` begins in `text`, or `length` when there is none.
/// The needle has 1 byte or more.
///
/// Looks at its first and its last byte, 16 places at a time (Mula), so that a byte that is
/// everywhere, as the slash in paths, costs no comparison each.
static inline size_t wf_find_next(const uint8_t *text, size_t length, size_t start,
                                  const uint8_t *needle, size_t needle_length) {
    if (needle_length > length || start > length - needle_length) return length;
    size_t at = start;
    const size_t last = length - needle_length;
#if WF_SSE2
    const __m128i head = _mm_set1_epi8((char)needle[0]);
    const __m128i tail = _mm_set1_epi8((char)needle[needle_length - 1]);
    for (; at + 16 <= last + 1; at += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(text + at));
        __m128i b = _mm_loadu_si128((const __m128i *)(text + at + needle_length - 1));
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(a, head), _mm_cmpeq_epi8(b, tail)));
        while (mask != 0) {
            size_t place = at + (size_t)__builtin_ctz(mask);
            if (memcmp(text + place, needle, needle_length) == 0) return place;
            mask &= mask - 1;
        }
    }
#endif
    for (; at <= last; at++)
        if (memcmp(text + at, needle, needle_length) == 0) return at;
    return length;
}

// ----------------------------------------------------------------------------------------- memory

/// `count` zeroed words, whose pages take memory when they are touched; NULL when there is none.
static inline uint64_t *wf_zeroed_words(size_t count) {
    return (uint64_t *)calloc(count, sizeof(uint64_t));
}
static inline void wf_free_words(uint64_t *words) { free(words); }

/// Lets the allocator of this process keep freed memory for its next use.
///
/// Allocations below `mapped_from` bytes come from its heaps, and up to `kept` free bytes at the end
/// of a heap stay there; all threads share so many heaps.
void wf_keep_freed_memory(int mapped_from, int kept, int arenas);

/// Reads the program's and its libraries' code and constants into memory and maps them, where the
/// kernel can (Linux 5.14).
void wf_map_program(void);

#include "BlockKernels.h"
#include "RealFunctions.h"

#endif
