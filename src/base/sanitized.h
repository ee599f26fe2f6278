/* sanitized.h: whether this build has the address or the thread sanitizer, of GCC or of Clang. They reserve
 * terabytes of address space, and make calls that no sandbox of ours allows. */
#ifndef CARDEA_BASE_SANITIZED_H
#define CARDEA_BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
