/* A TCG plugin for qemu-user: it counts the instructions that the guest executes.
 *
 * At each call of getpgid(MARK), which the kernel refuses (there is no such process), it writes the
 * count so far, one number a line, to the log (qemu -d plugin -D FILE). So a program under test
 * marks the places between which it wants the instructions counted, and start-up stays out.
 *
 * The declarations are the part of version 1 of qemu's plugin interface that is used here (qemu 7.2,
 * docs/devel/tcg-plugins); no package carries its header.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MARK 2000000011 /* see inside.py; above any process id that Linux gives */
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*syscall_made)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                             uint64_t, uint64_t, uint64_t, uint64_t);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *,
                                              uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, syscall_made);
void qemu_plugin_outs(const char *);

EXPORT int qemu_plugin_version = 1;
static uint64_t executed;

static void count_block(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed,
                                             qemu_plugin_tb_n_insns(block));
}

static void write_at_mark(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2,
                          uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
                          uint64_t a8)
{
    char line[32];
    (void)id, (void)cpu, (void)number, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7,
        (void)a8;
    if (a1 != MARK)
        return;
    snprintf(line, sizeof line, "%llu\n", (unsigned long long)executed);
    qemu_plugin_outs(line);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_vcpu_syscall_cb(id, write_at_mark);
    return 0;
}
