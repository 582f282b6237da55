// CRC-64/XZ (ECMA-182, reflected): slice-by-16 everywhere, carry-less multiplication where the processor has it.
//
// The folding loops work alike. Eight 128-bit accumulators take 128 bytes a round: an accumulator times x^1024
// modulo P (as two 64×64-bit products, one per half) is XORed with the data 128 bytes further on. The eight are
// then folded into one, which stands for a message of 16 bytes with the same remainder; the tables finish it, and
// what is left of the input. That makes the reduction a table step and leaves no Barrett constants to get wrong.
// Where the processor multiplies pairs of them, sixteen accumulators take 256 bytes a round.

#include "COSSChecksum.h"
#include "crc64_tables.h"

#include <string.h>

// x^(D+63) mod P and x^(D-1) mod P, reflected, for D bits of distance. (Reflected products come out shifted by one.)
#define FOLD_128_LOW UINT64_C(0xE05DD497CA393AE4)
#define FOLD_128_HIGH UINT64_C(0xDABE95AFC7875F40)
#define FOLD_1024_LOW UINT64_C(0x8757D71D4FCC1000)
#define FOLD_1024_HIGH UINT64_C(0xD7D86B2AF73DE740)
#define FOLD_2048_LOW UINT64_C(0x8260ADF2381AD81C)
#define FOLD_2048_HIGH UINT64_C(0xF31FD9271E228B79)

// Below these, setting up the accumulators costs more than it saves.
#define FOLD_MINIMUM 256
#define FOLD_WIDE_MINIMUM 1024

// What the processor can multiply.
enum { FOLDING_NONE = 1, FOLDING_NARROW, FOLDING_WIDE };

static inline uint64_t load64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, sizeof value);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

// `state` is the inverted CRC, as the algorithm carries it between bytes.
static uint64_t update_tables(uint64_t state, const uint8_t *p, size_t length) {
    const uint64_t(*t)[256] = coss_crc64_table;
    while (length >= 16) {
        uint64_t a = load64(p) ^ state;
        uint64_t b = load64(p + 8);
        state = t[15][a & 0xFF] ^ t[14][(a >> 8) & 0xFF] ^ t[13][(a >> 16) & 0xFF] ^ t[12][(a >> 24) & 0xFF] ^
                t[11][(a >> 32) & 0xFF] ^ t[10][(a >> 40) & 0xFF] ^ t[9][(a >> 48) & 0xFF] ^ t[8][a >> 56] ^
                t[7][b & 0xFF] ^ t[6][(b >> 8) & 0xFF] ^ t[5][(b >> 16) & 0xFF] ^ t[4][(b >> 24) & 0xFF] ^
                t[3][(b >> 32) & 0xFF] ^ t[2][(b >> 40) & 0xFF] ^ t[1][(b >> 48) & 0xFF] ^ t[0][b >> 56];
        p += 16;
        length -= 16;
    }
    while (length-- > 0) {
        state = t[0][(state ^ *p++) & 0xFF] ^ (state >> 8);
    }
    return state;
}

uint64_t coss_crc64_update_tables(uint64_t crc, const void *data, size_t length) {
    return ~update_tables(~crc, (const uint8_t *)data, length);
}

// MARK: - x86-64

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define HAS_FOLDING 1
#define FOLDING_TARGET __attribute__((target("pclmul,sse4.1")))

FOLDING_TARGET static inline __m128i fold(__m128i accumulator, __m128i constants, __m128i data) {
    __m128i low = _mm_clmulepi64_si128(accumulator, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(accumulator, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

FOLDING_TARGET static uint64_t update_folding(uint64_t state, const uint8_t *p, size_t length) {
    const __m128i far = _mm_set_epi64x((long long)FOLD_1024_HIGH, (long long)FOLD_1024_LOW);
    const __m128i near = _mm_set_epi64x((long long)FOLD_128_HIGH, (long long)FOLD_128_LOW);
    __m128i x[8];
    for (int i = 0; i < 8; i++) {
        x[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    }
    x[0] = _mm_xor_si128(x[0], _mm_set_epi64x(0, (long long)state));
    p += 128;
    length -= 128;
    while (length >= 128) {
        for (int i = 0; i < 8; i++) {
            x[i] = fold(x[i], far, _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)));
        }
        p += 128;
        length -= 128;
    }
    __m128i rest = x[0];
    for (int i = 1; i < 8; i++) {
        rest = fold(rest, near, x[i]);
    }
    uint8_t block[16];
    _mm_storeu_si128((__m128i *)(void *)block, rest);
    return update_tables(update_tables(0, block, sizeof block), p, length);
}

// The same with two accumulators in each register, for processors that multiply two at a time.
#define HAS_WIDE_FOLDING 1
#define WIDE_TARGET __attribute__((target("vpclmulqdq,avx2,pclmul")))

WIDE_TARGET static inline __m256i fold_wide(__m256i accumulators, __m256i constants, __m256i data) {
    __m256i low = _mm256_clmulepi64_epi128(accumulators, constants, 0x00);
    __m256i high = _mm256_clmulepi64_epi128(accumulators, constants, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(low, high), data);
}

WIDE_TARGET static uint64_t update_folding_wide(uint64_t state, const uint8_t *p, size_t length) {
    const __m256i far = _mm256_broadcastsi128_si256(
        _mm_set_epi64x((long long)FOLD_2048_HIGH, (long long)FOLD_2048_LOW));
    const __m128i near = _mm_set_epi64x((long long)FOLD_128_HIGH, (long long)FOLD_128_LOW);
    __m256i x[8];
    for (int i = 0; i < 8; i++) {
        x[i] = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i));
    }
    x[0] = _mm256_xor_si256(x[0], _mm256_set_epi64x(0, 0, 0, (long long)state));
    p += 256;
    length -= 256;
    while (length >= 256) {
        for (int i = 0; i < 8; i++) {
            x[i] = fold_wide(x[i], far, _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i)));
        }
        p += 256;
        length -= 256;
    }
    __m128i rest = _mm256_castsi256_si128(x[0]);
    for (int i = 1; i < 16; i++) {
        __m128i next = i % 2 == 0 ? _mm256_castsi256_si128(x[i / 2]) : _mm256_extracti128_si256(x[i / 2], 1);
        rest = fold(rest, near, next);
    }
    uint8_t block[16];
    _mm_storeu_si128((__m128i *)(void *)block, rest);
    state = update_tables(0, block, sizeof block);
    return length >= 128 ? update_folding(state, p, length) : update_tables(state, p, length);
}

// Whether the operating system keeps the upper halves of the registers.
__attribute__((target("xsave"))) static int keeps_wide_registers(void) {
    return (_xgetbv(0) & 6) == 6;
}

static int detect_folding(void) {
    unsigned a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_PCLMUL) == 0 || (c & bit_SSE4_1) == 0) {
        return FOLDING_NONE;
    }
    if ((c & bit_OSXSAVE) == 0 || !keeps_wide_registers() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return FOLDING_NARROW;
    }
    return (b & bit_AVX2) != 0 && (c & bit_VPCLMULQDQ) != 0 ? FOLDING_WIDE : FOLDING_NARROW;
}

// Asked once: CPUID is slow, very slow in a virtual machine. Threads that race here write the same answer.
static int folding(void) {
    static _Atomic(int) known;  // 0: not asked yet
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = detect_folding();
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer;
}

// MARK: - aarch64

#elif defined(__aarch64__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && \
    (defined(__APPLE__) || defined(__ARM_FEATURE_AES) || defined(__linux__))

#include <arm_neon.h>

#define HAS_FOLDING 1
#if defined(__clang__) && defined(__ARM_FEATURE_AES)
// Every processor this is built for has it, as all of Apple's do.
#define FOLDING_TARGET
#elif defined(__clang__)
#define FOLDING_TARGET __attribute__((target("aes")))
#else
#define FOLDING_TARGET __attribute__((target("+crypto")))
#endif

FOLDING_TARGET static inline uint64x2_t fold(uint64x2_t accumulator, poly64x2_t constants, uint64x2_t data) {
    poly64x2_t a = vreinterpretq_p64_u64(accumulator);
    uint64x2_t low = vreinterpretq_u64_p128(vmull_p64(vgetq_lane_p64(a, 0), vgetq_lane_p64(constants, 0)));
    uint64x2_t high = vreinterpretq_u64_p128(vmull_high_p64(a, constants));
    return veorq_u64(veorq_u64(low, high), data);
}

FOLDING_TARGET static inline uint64x2_t load128(const uint8_t *p) {
    return vreinterpretq_u64_u8(vld1q_u8(p));
}

FOLDING_TARGET static uint64_t update_folding(uint64_t state, const uint8_t *p, size_t length) {
    const poly64x2_t far = vreinterpretq_p64_u64(vcombine_u64(vcreate_u64(FOLD_1024_LOW), vcreate_u64(FOLD_1024_HIGH)));
    const poly64x2_t near = vreinterpretq_p64_u64(vcombine_u64(vcreate_u64(FOLD_128_LOW), vcreate_u64(FOLD_128_HIGH)));
    uint64x2_t x[8];
    for (int i = 0; i < 8; i++) {
        x[i] = load128(p + 16 * i);
    }
    x[0] = veorq_u64(x[0], vcombine_u64(vcreate_u64(state), vcreate_u64(0)));
    p += 128;
    length -= 128;
    while (length >= 128) {
        for (int i = 0; i < 8; i++) {
            x[i] = fold(x[i], far, load128(p + 16 * i));
        }
        p += 128;
        length -= 128;
    }
    uint64x2_t rest = x[0];
    for (int i = 1; i < 8; i++) {
        rest = fold(rest, near, x[i]);
    }
    uint8_t block[16];
    vst1q_u8(block, vreinterpretq_u8_u64(rest));
    return update_tables(update_tables(0, block, sizeof block), p, length);
}

#if defined(__APPLE__) || defined(__ARM_FEATURE_AES)
// Every 64-bit Apple processor has PMULL; elsewhere the compiler was told that the target has it.
static int folding(void) { return FOLDING_NARROW; }
#else
#include <sys/auxv.h>
#ifndef HWCAP_PMULL
#define HWCAP_PMULL (1 << 4)
#endif
static int folding(void) { return (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0 ? FOLDING_NARROW : FOLDING_NONE; }
#endif

#endif

// MARK: - Dispatch

uint64_t coss_crc64_update_narrow(uint64_t crc, const void *data, size_t length) {
#if defined(HAS_FOLDING)
    if (length >= FOLD_MINIMUM && folding() != FOLDING_NONE) {
        return ~update_folding(~crc, (const uint8_t *)data, length);
    }
#endif
    return coss_crc64_update_tables(crc, data, length);
}

uint64_t coss_crc64_update(uint64_t crc, const void *data, size_t length) {
#if defined(HAS_WIDE_FOLDING)
    if (length >= FOLD_WIDE_MINIMUM && folding() == FOLDING_WIDE) {
        return ~update_folding_wide(~crc, (const uint8_t *)data, length);
    }
#endif
    return coss_crc64_update_narrow(crc, data, length);
}

int coss_crc64_is_accelerated(void) {
#if defined(HAS_FOLDING)
    return folding() != FOLDING_NONE;
#else
    return 0;
#endif
}
