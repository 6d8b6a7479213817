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

#define WF_HELD(name, type)                                                                       \
    static inline uint64_t name(const type *codes) {                                              \
        uint64_t held = 0;                                                                        \
        for (int i = 0; i < 64; i++) held |= (uint64_t)(codes[i] != 0) << i;                      \
        return held;                                                                              \
    }

/// Which of 64 codes are not 0, code i as bit i.
#if WF_SSE2
static inline uint64_t wf_held8(const uint8_t *codes) {
    const __m128i *chunks = (const __m128i *)codes;
    uint64_t absent = 0;
    for (int part = 0; part < 4; part++) {
        __m128i zeros = _mm_cmpeq_epi8(_mm_loadu_si128(chunks + part), _mm_setzero_si128());
        absent |= (uint64_t)(uint16_t)_mm_movemask_epi8(zeros) << (part * 16);
    }
    return ~absent;
}

static inline uint64_t wf_held16(const uint16_t *codes) {
    uint8_t absent[64];
    for (int part = 0; part < 4; part++) {
        const __m128i *at = (const __m128i *)codes + part * 2;
        __m128i low = _mm_cmpeq_epi16(_mm_loadu_si128(at), _mm_setzero_si128());
        __m128i high = _mm_cmpeq_epi16(_mm_loadu_si128(at + 1), _mm_setzero_si128());
        // Bytes that are 0 where a code is held.
        _mm_storeu_si128((__m128i *)(absent + part * 16), _mm_packs_epi16(low, high));
    }
    return ~wf_held8(absent);
}
#else
WF_HELD(wf_held8, uint8_t)
WF_HELD(wf_held16, uint16_t)
#endif
WF_HELD(wf_held32, uint32_t)

#define WF_PACK(name, type, flag, held)                                                           \
    static inline size_t name(const type *values, const flag *flags, size_t rows, type *packed,   \
                              uint64_t *words) {                                                  \
        size_t count = 0, start = 0;                                                              \
        for (; start + 64 <= rows; start += 64) {                                                 \
            uint64_t word = held(flags + start);                                                  \
            words[start / 64] = word;                                                             \
            if (word == ~0ull) {                                                                  \
                memcpy(packed + count, values + start, 64 * sizeof(type));                        \
                count += 64;                                                                      \
                continue;                                                                         \
            }                                                                                     \
            for (; word != 0; word &= word - 1)                                                   \
                packed[count++] = values[start + (size_t)__builtin_ctzll(word)];                  \
        }                                                                                         \
        if (start < rows) words[start / 64] = 0;                                                  \
        for (size_t row = start; row < rows; row++) {                                             \
            if (flags[row] == 0) continue;                                                        \
            words[start / 64] |= 1ull << (row - start);                                           \
            packed[count++] = values[row];                                                        \
        }                                                                                         \
        return count;                                                                             \
    }

/// Moves the values of the rows whose flag is not 0 to the front of `packed`, and says in `words`
/// which rows they are of; gives their number. Sixty-four rows at a time: those of most columns are
/// all there or all missing, which takes a third of looking at each.
WF_PACK(wf_pack8, uint8_t, uint8_t, wf_held8)
WF_PACK(wf_pack16, uint16_t, uint16_t, wf_held16)
WF_PACK(wf_pack32, uint32_t, uint32_t, wf_held32)
WF_PACK(wf_pack64, uint64_t, uint8_t, wf_held8)

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

#define WF_BOUNDS(name, type)                                                                     \
    static inline void name(const type *values, size_t count, type *low, type *high) {            \
        type least = (type)~(type)0, most = 0;                                                    \
        for (size_t i = 0; i < count; i++) {                                                      \
            least = values[i] < least ? values[i] : least;                                        \
            most = values[i] > most ? values[i] : most;                                           \
        }                                                                                         \
        *low = least;                                                                             \
        *high = most;                                                                             \
    }

/// The lowest and the highest of at least one value.
WF_BOUNDS(wf_bounds16, uint16_t)
WF_BOUNDS(wf_bounds32, uint32_t)

// Counted in numbers of the values' own width first, so that a vector counts as many as it holds.
#define WF_COUNT_EQUAL(name, type)                                                                \
    static inline size_t name(const type *values, size_t count, type value) {                     \
        size_t equal = 0;                                                                         \
        for (size_t i = 0; i < count;) {                                                          \
            size_t end = count - i > 32768 ? i + 32768 : count;                                   \
            type part = 0;                                                                        \
            for (; i < end; i++) part = (type)(part + (values[i] == value));                      \
            equal += part;                                                                        \
        }                                                                                         \
        return equal;                                                                             \
    }

/// How many of the values are `value`.
WF_COUNT_EQUAL(wf_count_equal16, uint16_t)
WF_COUNT_EQUAL(wf_count_equal32, uint32_t)

// -------------------------------------------------------------------------------- bits in bytes

/// The number whose lowest byte is the first in memory, or the memory of such a number.
static inline uint64_t wf_little64(uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return value;
#else
    return __builtin_bswap64(value);
#endif
}

/// Of eight bytes the lowest 1, 2 or 4 bits each, side by side from the lowest.
static inline uint64_t wf_gather_bits(uint64_t x, unsigned bits) {
    if (bits == 1) return (x * 0x0102040810204080ull) >> 56;
    if (bits == 2) {
        x = (x | x >> 6) & 0x000f000f000f000full;
        x = (x | x >> 12) & 0x000000ff000000ffull;
        return (x | x >> 24) & 0xffff;
    }
    x = (x | x >> 4) & 0x00ff00ff00ff00ffull;
    x = (x | x >> 8) & 0x0000ffff0000ffffull;
    return (x | x >> 16) & 0xffffffff;
}

/// The other way round.
static inline uint64_t wf_spread_bits(uint64_t x, unsigned bits) {
    if (bits == 1) {
        // Each byte keeps a bit of its own; what is not 0 carries into the highest.
        x = x * 0x0101010101010101ull & 0x8040201008040201ull;
        return (x + 0x7f7f7f7f7f7f7f7full) >> 7 & 0x0101010101010101ull;
    }
    if (bits == 2) {
        x = (x | x << 24) & 0x000000ff000000ffull;
        x = (x | x << 12) & 0x000f000f000f000full;
        return (x | x << 6) & 0x0303030303030303ull;
    }
    x = (x | x << 16) & 0x0000ffff0000ffffull;
    x = (x | x << 8) & 0x00ff00ff00ff00ffull;
    return (x | x << 4) & 0x0f0f0f0f0f0f0f0full;
}

// Of one number of bits, so that what is copied for eight codes is a move of one register.
#define WF_BITS(bits)                                                                             \
    static inline void wf_pack_bits##bits(const uint8_t *codes, size_t count, uint8_t *packed) {  \
        size_t i = 0;                                                                             \
        uint64_t eight;                                                                           \
        for (; i + 8 <= count; i += 8) {                                                          \
            memcpy(&eight, codes + i, 8);                                                         \
            /* No code is 0, so none borrows from the next. */                                    \
            eight = wf_little64(eight) - 0x0101010101010101ull;                                   \
            eight = wf_little64(wf_gather_bits(eight, bits));                                     \
            memcpy(packed + i / 8 * bits, &eight, bits);                                          \
        }                                                                                         \
        size_t left = count - i;                                                                  \
        if (left == 0) return;                                                                    \
        eight = 0;                                                                                \
        memcpy(&eight, codes + i, left);                                                          \
        eight = wf_little64(eight) - (0x0101010101010101ull >> (8 - left) * 8);                   \
        eight = wf_little64(wf_gather_bits(eight, bits));                                         \
        memcpy(packed + i / 8 * bits, &eight, (left * bits + 7) / 8);                             \
    }                                                                                             \
    static inline void wf_unpack_bits##bits(const uint8_t *packed, size_t count,                  \
                                            uint8_t *codes) {                                     \
        size_t i = 0;                                                                             \
        for (; i + 8 <= count; i += 8) {                                                          \
            uint64_t eight = 0;                                                                   \
            memcpy(&eight, packed + i / 8 * bits, bits);                                          \
            eight = wf_spread_bits(wf_little64(eight), bits) + 0x0101010101010101ull;             \
            eight = wf_little64(eight);                                                           \
            memcpy(codes + i, &eight, 8);                                                         \
        }                                                                                         \
        for (; i < count; i++)                                                                    \
            codes[i] = (uint8_t)(                                                                 \
                (packed[i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1)) + 1);                \
    }

WF_BITS(1)
WF_BITS(2)
WF_BITS(4)

/// Writes codes from 1 to 2^`bits` (1, 2 or 4), less one, `bits` bits each from the lowest.
static inline void wf_pack_bits(const uint8_t *codes, size_t count, unsigned bits, uint8_t *packed) {
    if (bits == 1) wf_pack_bits1(codes, count, packed);
    else if (bits == 2) wf_pack_bits2(codes, count, packed);
    else wf_pack_bits4(codes, count, packed);
}

/// The other way round.
static inline void wf_unpack_bits(const uint8_t *packed, size_t count, unsigned bits, uint8_t *codes) {
    if (bits == 1) wf_unpack_bits1(packed, count, codes);
    else if (bits == 2) wf_unpack_bits2(packed, count, codes);
    else wf_unpack_bits4(packed, count, codes);
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
