//! A plugin for qemu that counts the instructions of the program that qemu runs:
//! `qemu-aarch64 -plugin libinsn_count.so PROGRAM`.
//!
//! When the program ends, one line follows its own output on stdout: `instructions N`. The number depends neither on the
//! machine underneath nor on what else runs there, so it can be compared with one from another day. It says nothing of
//! caches and pipelines: it is no time.
//!
//! The interface is described in qemu's `include/qemu/qemu-plugin.h` and at
//! <https://www.qemu.org/docs/master/devel/tcg-plugins.html>; the few functions used here are declared below.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "qemu's plugin interface is C")]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The version of the interface that qemu 6.0 to 8.0 speak, 7.2 of Debian 12 among them. Another qemu refuses to load us
/// and says which versions it wants.
#[unsafe(export_name = "qemu_plugin_version")]
static VERSION: c_int = 1;

/// How many instructions have run so far, on all threads.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// What qemu calls this plugin.
type Id = u64;
/// A straight piece of the program, owned by qemu and alive during the call that hands it over.
type Block = c_void;
/// `QEMU_PLUGIN_CB_NO_REGS`: the call-back looks at no register.
const NO_REGISTERS: c_int = 0;

unsafe extern "C" {
    safe fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, call: extern "C" fn(Id, *mut Block));
    safe fn qemu_plugin_register_atexit_cb(id: Id, call: extern "C" fn(Id, *mut c_void), data: *mut c_void);
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Block,
        call: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
}

/// The first call from qemu. 0 says that we are ready.
#[unsafe(export_name = "qemu_plugin_install")]
extern "C" fn install(id: Id, _qemu: *const c_void, _argc: c_int, _argv: *const *const c_char) -> c_int {
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, ptr::null_mut());
    0
}

/// Qemu has translated a block, and will call `ran` each time before it runs.
extern "C" fn translated(_id: Id, block: *mut Block) {
    // SAFETY: `block` is the one that qemu has just handed over, and it is not kept.
    unsafe {
        let instructions = qemu_plugin_tb_n_insns(block);
        // The number travels as the address of nothing, so that no memory has to be kept for it.
        qemu_plugin_register_vcpu_tb_exec_cb(block, ran, NO_REGISTERS, ptr::without_provenance_mut(instructions));
    }
}

extern "C" fn ran(_cpu: c_uint, instructions: *mut c_void) {
    COUNT.fetch_add(instructions.addr() as u64, Ordering::Relaxed);
}

extern "C" fn ended(_id: Id, _data: *mut c_void) {
    println!("instructions {}", COUNT.load(Ordering::Relaxed));
}
