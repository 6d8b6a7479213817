// Kernels of the segment's blocks: planes of bytes, presence, hexadecimal digits. Plain loops where
// the compiler makes vectors of them by itself; included by CKernels.h.
#ifndef WIDEFIELD_BLOCK_KERNELS_H
#define WIDEFIELD_BLOCK_KERNELS_H

// ------------------------------------------------------------------------------------------ planes

/// Whether all bytes are alike; true for none.
static inline bool wf_is_constant(const uint8_t *p, size_t length) {
    return length < 2 || memcmp(p, p + 1, length - 1) == 0;
}

#define WF_PLANE(name, type)                                                              \
    static inline void name(const type *values, size_t count, unsigned shift, uint8_t *plane) { \
        for (size_t i = 0; i < count; i++) plane[i] = (uint8_t)(values[i] >> shift);        \
    }

/// The bytes at bit `shift` of each value.
WF_PLANE(wf_plane16, uint16_t)
WF_PLANE(wf_plane32, uint32_t)
WF_PLANE(wf_plane64, uint64_t)

#define WF_JOIN(name, type)                                                                   \
    static inline void name(const uint8_t *plane, size_t count, unsigned shift, type *values) { \
        for (size_t i = 0; i < count; i++) values[i] |= (type)((type)plane[i] << shift);        \
    }

/// ORs a plane into each value at bit `shift`.
WF_JOIN(wf_join8, uint8_t)
WF_JOIN(wf_join16, uint16_t)
WF_JOIN(wf_join32, uint32_t)
WF_JOIN(wf_join64, uint64_t)

// ---------------------------------------------------------------------------------------- presence

#define WF_PACK(name, type)                                                                      \
    static inline size_t name(const type *codes, size_t rows, type *packed, uint64_t *words) {   \
        size_t count = 0;                                                                        \
        for (size_t start = 0; start < rows; start += 64) {                                      \
            size_t end = start + 64 < rows ? start + 64 : rows;                                  \
            uint64_t word = 0;                                                                   \
            for (size_t row = start; row < end; row++) {                                         \
                uint64_t present = codes[row] != 0;                                              \
                word |= present << (row - start);                                                \
                packed[count] = codes[row];                                                      \
                count += present;                                                                \
            }                                                                                    \
            words[start / 64] = word;                                                            \
        }                                                                                        \
        return count;                                                                            \
    }

/// Moves the codes other than 0 to the front of `packed`, which has room for one more than there are
/// rows, and says in `words` which rows they are of; gives their number.
WF_PACK(wf_pack8, uint8_t)
WF_PACK(wf_pack16, uint16_t)
WF_PACK(wf_pack32, uint32_t)

/// As `wf_pack8`, for 64-bit values of the rows whose `present` is 1 (0 otherwise).
static inline size_t wf_pack_present64(const uint64_t *values, const uint8_t *present, size_t rows,
                                       uint64_t *packed, uint64_t *words) {
    size_t count = 0;
    for (size_t start = 0; start < rows; start += 64) {
        size_t end = start + 64 < rows ? start + 64 : rows;
        uint64_t word = 0;
        for (size_t row = start; row < end; row++) {
            word |= (uint64_t)present[row] << (row - start);
            packed[count] = values[row];
            count += present[row];
        }
        words[start / 64] = word;
    }
    return count;
}

#define WF_SPREAD(name, type)                                                                     \
    static inline void name(const type *packed, const uint64_t *words, size_t rows, type *values) { \
        size_t next = 0;                                                                          \
        for (size_t start = 0; start < rows; start += 64) {                                       \
            uint64_t word = words[start / 64];                                                    \
            if (word == ~0ull) {                                                                  \
                memcpy(values + start, packed + next, 64 * sizeof(type));                         \
                next += 64;                                                                       \
                continue;                                                                         \
            }                                                                                     \
            while (word != 0) {                                                                   \
                values[start + (size_t)__builtin_ctzll(word)] = packed[next++];                   \
                word &= word - 1;                                                                 \
            }                                                                                     \
        }                                                                                         \
    }

/// Puts the packed values at the rows of the set; the other rows of `values` stay as they are.
WF_SPREAD(wf_spread8, uint8_t)
WF_SPREAD(wf_spread16, uint16_t)
WF_SPREAD(wf_spread32, uint32_t)
WF_SPREAD(wf_spread64, uint64_t)

/// Counts each byte value into `counts` (256 of them, not cleared before).
///
/// Four tables take turns, for equal bytes in a row would wait for each other: twice as fast.
static inline void wf_count_bytes(const uint8_t *p, size_t length, uint32_t *counts) {
    uint32_t tables[3][256];
    memset(tables, 0, sizeof tables);
    size_t i = 0;
    for (; i + 4 <= length; i += 4) {
        counts[p[i]]++;
        tables[0][p[i + 1]]++;
        tables[1][p[i + 2]]++;
        tables[2][p[i + 3]]++;
    }
    for (; i < length; i++) counts[p[i]]++;
    for (size_t value = 0; value < 256; value++)
        counts[value] += tables[0][value] + tables[1][value] + tables[2][value];
}

// ------------------------------------------------------------------------------------ hexadecimal

/// Writes the bytes of `length / 2` pairs of lowercase hexadecimal digits; whether all were such.
static inline bool wf_pack_hex(const uint8_t *text, size_t length, uint8_t *bytes) {
    size_t i = 0;
#if WF_SSE2
    const __m128i below_zero = _mm_set1_epi8('0' - 1), above_nine = _mm_set1_epi8('9' + 1);
    const __m128i below_a = _mm_set1_epi8('a' - 1), above_f = _mm_set1_epi8('f' + 1);
    const __m128i low = _mm_set1_epi16(0x00ff);
    for (; i + 16 <= length; i += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)(text + i));
        __m128i digit = _mm_and_si128(_mm_cmpgt_epi8(c, below_zero), _mm_cmplt_epi8(c, above_nine));
        __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(c, below_a), _mm_cmplt_epi8(c, above_f));
        if (_mm_movemask_epi8(_mm_or_si128(digit, letter)) != 0xffff) return false;
        __m128i value = _mm_sub_epi8(
            c, _mm_or_si128(_mm_and_si128(digit, _mm_set1_epi8('0')),
                            _mm_and_si128(letter, _mm_set1_epi8('a' - 10))));
        // In each pair the first digit is the upper half of the byte.
        __m128i pairs = _mm_and_si128(
            _mm_or_si128(_mm_slli_epi16(value, 4), _mm_srli_epi16(value, 8)), low);
        _mm_storel_epi64((__m128i *)(bytes + i / 2), _mm_packus_epi16(pairs, pairs));
    }
#endif
    for (; i + 2 <= length; i += 2) {
        unsigned both = 0;
        for (size_t k = i; k < i + 2; k++) {
            uint8_t c = text[k];
            if (c >= '0' && c <= '9') both = both << 4 | (unsigned)(c - '0');
            else if (c >= 'a' && c <= 'f') both = both << 4 | (unsigned)(c - 'a' + 10);
            else return false;
        }
        bytes[i / 2] = (uint8_t)both;
    }
    return true;
}

/// Writes two lowercase hexadecimal digits for each byte.
static inline void wf_unpack_hex(const uint8_t *bytes, size_t count, uint8_t *text) {
    size_t i = 0;
#if WF_SSE2
    const __m128i low = _mm_set1_epi8(0x0f), nine = _mm_set1_epi8(9);
    for (; i + 8 <= count; i += 8) {
        __m128i c = _mm_loadl_epi64((const __m128i *)(bytes + i));
        __m128i upper = _mm_and_si128(_mm_srli_epi16(c, 4), low);
        __m128i digits = _mm_unpacklo_epi8(upper, _mm_and_si128(c, low));
        __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, nine), _mm_set1_epi8('a' - '0' - 10));
        _mm_storeu_si128((__m128i *)(text + 2 * i),
                         _mm_add_epi8(_mm_add_epi8(digits, _mm_set1_epi8('0')), letters));
    }
#endif
    for (; i < count; i++) {
        text[2 * i] = (uint8_t)"0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = (uint8_t)"0123456789abcdef"[bytes[i] & 15];
    }
}

// ----------------------------------------------------------------------------------------- strings

/// How many bytes two strings share from their beginning, at most `length`.
static inline size_t wf_common_prefix(const uint8_t *a, const uint8_t *b, size_t length) {
    size_t i = 0;
#if WF_SSE2
    for (; i + 16 <= length; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(a + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(b + i));
        unsigned differing = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) ^ 0xffff;
        if (differing != 0) return i + (size_t)__builtin_ctz(differing);
    }
#endif
    for (; i + 8 <= length; i += 8) {
        uint64_t difference = wf_read64(a + i) ^ wf_read64(b + i);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (difference != 0) return i + (size_t)(__builtin_ctzll(difference) / 8);
#else
        if (difference != 0) return i + (size_t)(__builtin_clzll(difference) / 8);
#endif
    }
    while (i < length && a[i] == b[i]) i++;
    return i;
}

/// The first eight bytes of a string as a number that orders as they do; what is beyond its end is 0.
static inline uint64_t wf_prefix_key(const uint8_t *p, size_t length) {
    if (length >= 8) return __builtin_bswap64(wf_read64(p));
    uint64_t key = 0;
    for (size_t i = 0; i < length; i++) key |= (uint64_t)p[i] << (56 - 8 * i);
    return key;
}

#endif
