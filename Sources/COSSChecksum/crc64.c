// CRC-64/XZ (ECMA-182, reflected): slice-by-16 everywhere, carry-less multiplication where the processor has it.
//
// Both folding loops work alike. Eight 128-bit accumulators take 128 bytes a round: an accumulator times x^1024
// modulo P (as two 64×64-bit products, one per half) is XORed with the data 128 bytes further on. The eight are
// then folded into one, which stands for a message of 16 bytes with the same remainder; the tables finish it, and
// what is left of the input. That makes the reduction a table step and leaves no Barrett constants to get wrong.

#include "COSSChecksum.h"
#include "crc64_tables.h"

#include <string.h>

// x^(D+63) mod P and x^(D-1) mod P, reflected, for D bits of distance. (Reflected products come out shifted by one.)
#define FOLD_128_LOW UINT64_C(0xE05DD497CA393AE4)
#define FOLD_128_HIGH UINT64_C(0xDABE95AFC7875F40)
#define FOLD_1024_LOW UINT64_C(0x8757D71D4FCC1000)
#define FOLD_1024_HIGH UINT64_C(0xD7D86B2AF73DE740)

// Below this, setting up the accumulators costs more than it saves.
#define FOLD_MINIMUM 256

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

static int detect_folding(void) {
    unsigned a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        return 0;
    }
    return (c & bit_PCLMUL) != 0 && (c & bit_SSE4_1) != 0;
}

// Asked once: CPUID is slow, very slow in a virtual machine. Threads that race here write the same answer.
static int has_folding(void) {
    static _Atomic(int) known;  // 0: not asked yet, 1: no, 2: yes
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = 1 + detect_folding();
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
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
static int has_folding(void) { return 1; }
#else
#include <sys/auxv.h>
#ifndef HWCAP_PMULL
#define HWCAP_PMULL (1 << 4)
#endif
static int has_folding(void) { return (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0; }
#endif

#endif

// MARK: - Dispatch

uint64_t coss_crc64_update(uint64_t crc, const void *data, size_t length) {
#if defined(HAS_FOLDING)
    if (length >= FOLD_MINIMUM && has_folding()) {
        return ~update_folding(~crc, (const uint8_t *)data, length);
    }
#endif
    return coss_crc64_update_tables(crc, data, length);
}

int coss_crc64_is_accelerated(void) {
#if defined(HAS_FOLDING)
    return has_folding();
#else
    return 0;
#endif
}
