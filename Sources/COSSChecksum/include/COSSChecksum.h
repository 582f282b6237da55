#ifndef COSS_CHECKSUM_H
#define COSS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Continues the CRC-64/XZ `crc` (0 for a new stream) over `length` bytes at `data`, with the fastest way this
/// processor has. Any alignment; `data` may be null when `length` is 0.
uint64_t coss_crc64_update(uint64_t crc, const void *data, size_t length);

/// The same without the widest registers. It is what most processors run; public so that tests can compare.
uint64_t coss_crc64_update_narrow(uint64_t crc, const void *data, size_t length);

/// The same with tables only (slice-by-16). It is what other processors run; public so that tests can compare.
uint64_t coss_crc64_update_tables(uint64_t crc, const void *data, size_t length);

/// Whether `coss_crc64_update` uses carry-less multiplication on this processor.
int coss_crc64_is_accelerated(void);

#ifdef __cplusplus
}
#endif

#endif
