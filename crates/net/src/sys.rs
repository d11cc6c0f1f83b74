//! The calls to the system, on Linux, that no safe interface offers.
//! Everything else goes through the socket crates.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Sets the socket option `name` of protocol `level` to a number.
#[expect(clippy::cast_possible_truncation, reason = "the size of an integer")]
#[expect(
    unsafe_code,
    reason = "no safe interface sets UDP_GRO, IPV6_DONTFRAG or IP_TOS of IPv6 sockets"
)]
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as it is borrowed, and the system reads exactly the
    // size of the integer that the pointer points to.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets the system choose among the sockets that share the port of `socket`: by the number in the
/// four bytes from `offset` of the datagram on, modulo `sockets`, in the order in which they were
/// bound. Shorter datagrams go to the first.
#[expect(clippy::cast_possible_truncation, reason = "codes of 16 bits, a few sockets, a size")]
#[expect(unsafe_code, reason = "no safe interface attaches a program to sockets of one port")]
pub(crate) fn steer(socket: &impl AsFd, offset: u16, sockets: usize) -> io::Result<()> {
    let instruction = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The program sees the datagram from behind the header of UDP on, and a load beyond its end
    // returns 0.
    let mut program = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset.into()),
        instruction(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, sockets as u32),
        instruction(libc::BPF_RET | libc::BPF_A, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: (&raw mut program).cast() };
    // SAFETY: the descriptor is open as long as it is borrowed; the system copies the program, whose
    // length is that of the array, before the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many packets the system dropped because the socket's receive buffer was full; the
/// system's counter has 32 bits and wraps. `None` where it does not tell.
#[expect(clippy::cast_possible_truncation, reason = "the size of a small array")]
#[expect(unsafe_code, reason = "no safe interface reads SO_MEMINFO")]
pub(crate) fn receive_drops(socket: BorrowedFd<'_>) -> Option<u32> {
    /// From `asm/socket.h`; libc exports it for few architectures.
    const SO_MEMINFO: libc::c_int = 55;
    const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;

    let mut info = [0u32; DROPS + 1];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as it is borrowed, and the system writes no more
    // than `len` bytes, which is the size of the array; any bytes are valid integers.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    // An older system fills less of the array, and has no such counter.
    (result == 0 && len as usize == size_of_val(&info)).then_some(info[DROPS])
}
