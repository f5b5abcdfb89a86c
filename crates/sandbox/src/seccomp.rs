//! The system calls that no program under test needs, refused by the kernel.
//!
//! A deny list, because any language's run-time must work: namespaces, mounts and capabilities are
//! the walls, and this filter takes away the tools with which walls have been broken. It refuses
//! to know which backend installs it.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::Unfit;

/// Calls refused whatever their arguments, by what they could do.
const REFUSED: &[libc::c_long] = &[
    // Look into, or steer, another process.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Kernel key rings are not namespaced.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Large kernel surfaces with a history of local privilege escalation.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Opens files by inode, past every path check.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // The machine itself.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
];

/// Direct access to the processor's ports and segments.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] = &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// `clone` with any of these makes a namespace.
const NEW_NAMESPACE: &[libc::c_int] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// The families left open: pipes between processes, and the loopback of an empty network namespace.
/// Left out with the rest: `AF_VSOCK` (reaches the hypervisor whatever the network namespace),
/// `AF_NETLINK`, `AF_PACKET`, `AF_ALG`, Bluetooth.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// Terminal requests that type into, or paste onto, somebody else's terminal.
const TERMINAL: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// The filter for this processor.
///
/// # Errors
/// [`Unfit::Processor`] where the processor is none that the filter's compiler knows.
pub(crate) fn filter() -> Result<BpfProgram, Unfit> {
    let unknown = |_| Unfit::Processor(std::env::consts::ARCH.to_owned());
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(unknown)?;
    let rules = rules().map_err(unknown)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        arch,
    )
    .map_err(unknown)?;
    let compiled = BpfProgram::try_from(filter).map_err(unknown)?;
    Ok([prologue(), compiled].concat())
}

/// Refuses, with "no such system call", what a filter by number and register cannot judge: `clone3`
/// passes its flags in memory (every libc falls back to `clone`), and x86_64's x32 numbers would be
/// a second name for each refused call.
fn prologue() -> BpfProgram {
    /// Where `struct seccomp_data` keeps the system call's number.
    const NUMBER: u32 = 0;
    const X32_BIT: u32 = 0x4000_0000;
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, NUMBER),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, libc::SYS_clone3 as u32),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32_BIT),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, no_such_call),
    ]
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules =
        REFUSED.iter().chain(REFUSED_HERE).map(|&call| (call, Vec::new())).collect();
    let word =
        |argument, op, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value);
    let clone = NEW_NAMESPACE
        .iter()
        .map(|&flag| {
            let flag = flag as u64;
            SeccompRule::new(vec![word(0, SeccompCmpOp::MaskedEq(flag), flag)?])
        })
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_clone, clone);
    let ioctl = TERMINAL
        .iter()
        .map(|&request| SeccompRule::new(vec![word(1, SeccompCmpOp::Eq, request)?]))
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_ioctl, ioctl);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        let none_of_ours = FAMILIES
            .iter()
            .map(|&family| word(0, SeccompCmpOp::Ne, family as u64))
            .collect::<Result<_, _>>()?;
        rules.insert(call, vec![SeccompRule::new(none_of_ours)?]);
    }
    Ok(rules)
}

/// The kernel's `struct sock_filter`, one after the other.
pub(crate) fn bytes(filter: &BpfProgram) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(filter.len() * 8);
    for step in filter {
        bytes.extend(step.code.to_ne_bytes());
        bytes.extend([step.jt, step.jf]);
        bytes.extend(step.k.to_ne_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_within_the_kernels_limit() {
        /// `BPF_MAXINSNS` of linux/bpf_common.h.
        const INSTRUCTIONS_MAX: usize = 4096;
        let filter = filter().expect("this processor is known");
        assert!(filter.len() > REFUSED.len() && filter.len() < INSTRUCTIONS_MAX);
    }
}
