//! How threads are scheduled.
//!
//! # Safety
//!
//! Unsafe code is libc's functions on the arguments of ours, and memory policies of memory that
//! nothing else uses.

#![allow(unsafe_code)]

mod support;

use gort_sys::types::*;
use gort_sys::{Errno, raw};
use std::ptr::{null, null_mut};
use support::{REFUSED, Target, allowed, c, child_holds, target};

#[test]
fn yielding() {
    assert_eq!(raw::sched_yield(), Ok(()));
}

#[test]
fn affinity() {
    let mut ours = CpuSet::EMPTY;
    let len = raw::sched_getaffinity(Pid::SELF, &mut ours).unwrap();
    assert!(len.is_multiple_of(8) && len > 0 && len <= CpuSet::CPUS / 8);
    // SAFETY: all zero is a value of libc's structure.
    let mut theirs: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    c!(libc::sched_getaffinity(0, size_of_val(&theirs), &mut theirs)).unwrap();
    for cpu in 0..libc::CPU_SETSIZE as usize {
        // SAFETY: the CPU is one that the set can hold.
        assert_eq!(ours.contains(cpu), unsafe { libc::CPU_ISSET(cpu, &theirs) }, "{cpu}");
    }
    // SAFETY: as above.
    assert_eq!(ours.count(), unsafe { libc::CPU_COUNT(&theirs) } as usize);
    let first = (0..CpuSet::CPUS).find(|&cpu| ours.contains(cpu)).unwrap();
    std::thread::spawn(move || {
        let mut one = CpuSet::EMPTY;
        one.insert(first);
        raw::sched_setaffinity(Pid::SELF, &one).unwrap();
        let mut now = CpuSet::EMPTY;
        raw::sched_getaffinity(Pid::SELF, &mut now).unwrap();
        assert_eq!(now, one);
        assert_eq!(raw::getcpu().unwrap().0 as usize, first);
        one.remove(first);
        assert_eq!((one, one.count()), (CpuSet::EMPTY, 0));
        assert_eq!(raw::sched_setaffinity(Pid::SELF, &one), Err(Errno::EINVAL));
        let mut set = CpuSet::EMPTY;
        set.insert(CpuSet::CPUS);
        assert_eq!(set, CpuSet::EMPTY, "no such CPU");
    })
    .join()
    .unwrap();
    assert_eq!(raw::sched_getaffinity(Pid(i32::MAX), &mut ours), Err(Errno::ESRCH));
    assert_eq!(raw::sched_setaffinity(Pid(i32::MAX), &ours), Err(Errno::ESRCH));
}

#[test]
fn where_the_thread_is() {
    let (cpu, node) = raw::getcpu().unwrap();
    let (mut set, mut their_node) = (CpuSet::EMPTY, 0u32);
    raw::sched_getaffinity(Pid::SELF, &mut set).unwrap();
    assert!(set.contains(cpu as usize));
    let null = null::<u8>();
    c!(libc::syscall(libc::SYS_getcpu, null, &mut their_node, null)).unwrap();
    assert!(node < 1024 && their_node < 1024);
}

#[test]
fn attributes() {
    let who = target();
    let attr = raw::sched_getattr(who).unwrap();
    let mut theirs = [0u32; 14];
    let number = libc::SYS_sched_getattr;
    c!(libc::syscall(number, who.0, theirs.as_mut_ptr(), 56, 0)).unwrap();
    assert_eq!((attr.size, attr.policy, attr.nice as u32), (theirs[0], theirs[1], theirs[4]));
    assert_eq!(SchedPolicy(attr.policy as i32), raw::sched_getscheduler(who).unwrap());
    let fresh = Target::new();
    let batch = SchedAttr { policy: SchedPolicy::BATCH.0 as u32, nice: 5, ..SchedAttr::default() };
    raw::sched_setattr(fresh.0, &batch).unwrap();
    let now = raw::sched_getattr(fresh.0).unwrap();
    assert_eq!((now.policy, now.nice), (batch.policy, 5));
    assert_eq!(raw::sched_getscheduler(fresh.0), Ok(SchedPolicy::BATCH));
    // The kernel writes the length that it knows to a structure whose length it refuses.
    let long = std::hint::black_box(SchedAttr { size: 5000, ..batch });
    assert_eq!(raw::sched_setattr(fresh.0, &long), Ok(()));
    assert_eq!(std::hint::black_box(&long).size, 5000, "what is lent is not written");
    let bad = SchedAttr { policy: 99, ..batch };
    assert_eq!(raw::sched_setattr(fresh.0, &bad), Err(Errno::EINVAL));
    assert_eq!(raw::sched_setattr(Pid(i32::MAX), &batch), Err(Errno::ESRCH));
    assert_eq!(raw::sched_getattr(Pid(i32::MAX)), Err(Errno::ESRCH));
}

#[test]
fn nice_values() {
    let fresh = Target::new();
    let (who, pid) = (PriorityOf::Process(fresh.0), fresh.0.0);
    let start = raw::getpriority(who).unwrap();
    for nice in start.0..=19 {
        raw::setpriority(who, Nice(nice)).unwrap();
        assert_eq!(raw::getpriority(who), Ok(Nice(nice)));
        // -1 is a nice value and libc's error; `start` is not below it in a test's environment.
        assert_eq!(c!(libc::getpriority(libc::PRIO_PROCESS, pid as u32)), Ok(i64::from(nice)));
    }
    raw::setpriority(who, Nice(100)).unwrap();
    assert_eq!(raw::getpriority(who), Ok(Nice(19)));
    let raised = raw::setpriority(who, Nice(-7));
    if allowed("setpriority", &raised, REFUSED) {
        assert_eq!(raw::getpriority(who), Ok(Nice(-7)));
    }
    let nobody = PriorityOf::Process(Pid(i32::MAX));
    assert_eq!(raw::getpriority(nobody), Err(Errno::ESRCH));
    assert_eq!(raw::setpriority(nobody, Nice(0)), Err(Errno::ESRCH));
    assert_eq!(raw::getpriority(PriorityOf::User(Uid(3_999_999_999))), Err(Errno::ESRCH));
    child_holds(|| {
        raw::setpgid(Pid::SELF, Pid::SELF).unwrap();
        raw::setpriority(PriorityOf::Group(raw::getpid()), Nice(19)).unwrap();
        assert_eq!(raw::getpriority(PriorityOf::Process(Pid::SELF)), Ok(Nice(19)));
    });
}

#[test]
fn memory_policies() {
    const DEFAULT: i32 = 0;
    let mut mode = -1;
    // SAFETY: the mode alone is asked for.
    let got = unsafe { raw::get_mempolicy(&mut mode, null_mut(), 0, 0, 0) };
    if !allowed("get_mempolicy", &got, REFUSED) {
        return;
    }
    assert!((0..8).contains(&(mode & 0xff)));
    // SAFETY: no nodes.
    assert_eq!(unsafe { raw::set_mempolicy(DEFAULT, null(), 0) }, Ok(()));
    // SAFETY: refused.
    assert_eq!(unsafe { raw::set_mempolicy(99, null(), 0) }, Err(Errno::EINVAL));
    let memory = vec![0u8; 3 * 4096];
    let page = (memory.as_ptr().expose_provenance() + 4095) & !4095;
    // SAFETY: a page of this test's own memory gets the policy that it has.
    assert_eq!(unsafe { raw::mbind(page, 4096, DEFAULT, null(), 0, 0) }, Ok(()));
    // SAFETY: refused.
    assert_eq!(unsafe { raw::mbind(page + 1, 4096, DEFAULT, null(), 0, 0) }, Err(Errno::EINVAL));
    // SAFETY: refused.
    let got = unsafe { raw::get_mempolicy(&mut mode, null_mut(), 0, 0, 99) };
    assert_eq!(got, Err(Errno::EINVAL));
}
