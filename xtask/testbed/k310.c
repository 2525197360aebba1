// k310 COMMAND.. - runs a command with the system calls of Linux 3.10: on x86_64 every call numbered from 314 on
// (sched_setattr, of Linux 3.14, and all after it: getrandom, memfd_create, statx, pidfd_open, clone3, close_range, ..)
// answers ENOSYS, to the command and all that it starts. Stricter than CentOS 7, whose 3.10.0-1160 has some of them back.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_LATER_CALL 314

int main(int argc, char **argv)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_LATER_CALL, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};

    if (argc < 2) {
        fputs("k310 COMMAND..\n", stderr);
        return 2;
    }
    // Without the right to filter, give up further rights first; root keeps set-user-id programs working.
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0
        && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)) {
        perror("k310: seccomp");
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
