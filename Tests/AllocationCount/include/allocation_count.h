#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

/// How many blocks of memory the process has asked for so far; -1 where nobody counts.
long allocation_count(void);

#endif
