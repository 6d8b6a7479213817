// Counting small numbers: by comparing when they are few, by tables when they are many.

#include "CKernels.h"

#if WF_SSE2
#include <immintrin.h>

/// Numbers that are compared in one pass over the rows.
#define PASS 8

/// Cells up to which comparing, twice as many rows at a time, costs less than tables: 0.07 ns a row
/// for each eight cells against 0.33.
#define COMPARED_AVX2 32
/// The same without AVX2: 0.14 ns.
#define COMPARED_SSE2 16

/// Adds to `counts` how often each of `PASS` numbers from `first` occurs in `chunks` times 32 bytes;
/// only the first `cells` of them are counted.
__attribute__((target("avx2"))) static void count_pass_avx2(const uint8_t *numbers, size_t chunks,
                                                            size_t first, size_t cells,
                                                            uint64_t *counts) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i wanted[PASS], sums[PASS];
    for (int i = 0; i < PASS; i++) wanted[i] = _mm256_set1_epi8((char)(first + i));
    while (chunks > 0) {
        // A sum of bytes holds 255 rows.
        size_t some = chunks < 255 ? chunks : 255;
        chunks -= some;
        for (int i = 0; i < PASS; i++) sums[i] = zero;
        for (; some > 0; some--, numbers += 32) {
            __m256i chunk = _mm256_loadu_si256((const __m256i *)numbers);
#pragma clang loop unroll(full)
            for (int i = 0; i < PASS; i++)
                sums[i] = _mm256_sub_epi8(sums[i], _mm256_cmpeq_epi8(chunk, wanted[i]));
        }
        for (size_t i = 0; i < cells; i++) {
            uint64_t parts[4];
            _mm256_storeu_si256((__m256i *)parts, _mm256_sad_epu8(sums[i], zero));
            counts[first + i] += parts[0] + parts[1] + parts[2] + parts[3];
        }
    }
}

/// As `count_pass_avx2`, with chunks of 16 bytes.
static void count_pass_sse2(const uint8_t *numbers, size_t chunks, size_t first, size_t cells,
                            uint64_t *counts) {
    const __m128i zero = _mm_setzero_si128();
    __m128i wanted[PASS], sums[PASS];
    for (int i = 0; i < PASS; i++) wanted[i] = _mm_set1_epi8((char)(first + i));
    while (chunks > 0) {
        size_t some = chunks < 255 ? chunks : 255;
        chunks -= some;
        for (int i = 0; i < PASS; i++) sums[i] = zero;
        for (; some > 0; some--, numbers += 16) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)numbers);
#pragma clang loop unroll(full)
            for (int i = 0; i < PASS; i++)
                sums[i] = _mm_sub_epi8(sums[i], _mm_cmpeq_epi8(chunk, wanted[i]));
        }
        for (size_t i = 0; i < cells; i++) {
            uint64_t parts[2];
            _mm_storeu_si128((__m128i *)parts, _mm_sad_epu8(sums[i], zero));
            counts[first + i] += parts[0] + parts[1];
        }
    }
}

/// Counts what can be compared; answers how many rows that were.
static size_t count_compared(const uint8_t *numbers, size_t rows, uint64_t *counts, size_t cells) {
    int is_wide = __builtin_cpu_supports("avx2");
    if (cells > (is_wide ? COMPARED_AVX2 : COMPARED_SSE2)) return 0;
    size_t width = is_wide ? 32 : 16;
    for (size_t first = 0; first < cells; first += PASS) {
        size_t some = cells - first < PASS ? cells - first : PASS;
        (is_wide ? count_pass_avx2 : count_pass_sse2)(numbers, rows / width, first, some, counts);
    }
    return rows / width * width;
}
#endif

void wf_count8(const uint8_t *numbers, size_t rows, uint64_t *counts, size_t cells) {
    size_t row = 0;
#if WF_SSE2
    row = count_compared(numbers, rows, counts, cells);
#endif
    if (rows - row < 256) {
        for (; row < rows; row++) counts[numbers[row]]++;
        return;
    }
    uint32_t tables[4][256];
    memset(tables, 0, sizeof tables);
    for (; row + 4 <= rows; row += 4) {
        tables[0][numbers[row]]++;
        tables[1][numbers[row + 1]]++;
        tables[2][numbers[row + 2]]++;
        tables[3][numbers[row + 3]]++;
    }
    for (; row < rows; row++) tables[0][numbers[row]]++;
    for (size_t cell = 0; cell < cells && cell < 256; cell++)
        counts[cell] += (uint64_t)tables[0][cell] + tables[1][cell] + tables[2][cell]
            + tables[3][cell];
}

void wf_select8(const uint8_t *numbers, size_t rows, const uint64_t *words, uint8_t other,
                uint8_t *selected) {
    size_t row = 0;
#if WF_SSE2
    const __m128i bits = _mm_set1_epi64x((long long)0x8040201008040201ull);
    const __m128i others = _mm_set1_epi8((char)other);
    for (; row + 16 <= rows; row += 16) {
        // Each of sixteen bits eight times, then only where its turn is.
        __m128i mask = _mm_cvtsi32_si128((int)(words[row / 64] >> (row % 64) & 0xffff));
        mask = _mm_unpacklo_epi8(mask, mask);
        mask = _mm_unpacklo_epi16(mask, mask);
        mask = _mm_unpacklo_epi32(mask, mask);
        mask = _mm_cmpeq_epi8(_mm_and_si128(mask, bits), bits);
        __m128i chunk = _mm_loadu_si128((const __m128i *)(numbers + row));
        _mm_storeu_si128(
            (__m128i *)(selected + row),
            _mm_or_si128(_mm_and_si128(mask, chunk), _mm_andnot_si128(mask, others)));
    }
#endif
    for (; row < rows; row++)
        selected[row] = words[row / 64] >> (row % 64) & 1 ? numbers[row] : other;
}
