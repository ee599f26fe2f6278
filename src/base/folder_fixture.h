/* folder_fixture.h: for tests alone: a folder of the test's own goes with all that is in it. */
#ifndef CARDEA_BASE_FOLDER_FIXTURE_H
#define CARDEA_BASE_FOLDER_FIXTURE_H

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void folder_fixture_remove(const char *folder) {
    const char *const argv[] = {"rm", "-rf", folder, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execvp("rm", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

#endif
