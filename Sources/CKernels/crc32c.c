#include "CKernels.h"

// The reflected Castagnoli polynomial.
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

// Slicing by eight: eight bytes a step, each through its own table.
static uint32_t crc32c_tables(uint32_t crc, const uint8_t *p, size_t length) {
    while (length >= 8) {
        uint64_t word = wf_read64(p) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++) crc ^= table[7 - k][(word >> (8 * k)) & 0xff];
        p += 8;
        length -= 8;
    }
    while (length-- > 0) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t length) {
    uint64_t wide = crc;
    while (length >= 8) {
        wide = _mm_crc32_u64(wide, wf_read64(p));
        p += 8;
        length -= 8;
    }
    crc = (uint32_t)wide;
    while (length-- > 0) crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
#endif

uint32_t wf_crc32c(uint32_t seed, const void *bytes, size_t length) {
    uint32_t crc = ~seed;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc32c_sse42(crc, bytes, length);
#endif
    return ~crc32c_tables(crc, bytes, length);
}
