//! Instructions of the x86-64 that cost more than others, told by their first bytes. Intel's manual, volume 2,
//! chapter 2 and appendix A

/// What is told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Locked, or an exchange with memory, or a fence.
    Atomic,
    /// A system call.
    Call,
    /// One in place of a function of the vDSO.
    Vdso,
    /// One that sets the thread pointer.
    ThreadPointer,
}

/// What is called, by its number, which is set right before on the occasions that matter.
fn called(before: &[u8]) -> Kind {
    // mov eax, NUMBER
    let [.., 0xb8, a, b, c, d] = *before else { return Kind::Call };
    match u32::from_le_bytes([a, b, c, d]) {
        ARCH_PRCTL => Kind::ThreadPointer,
        CLOCK_GETTIME | GETCPU => Kind::Vdso,
        _ => Kind::Call,
    }
}

const ARCH_PRCTL: u32 = 158;
const CLOCK_GETTIME: u32 = 228;
const GETCPU: u32 = 309;

/// What begins at `at`.
pub(crate) fn kind(code: &[u8], at: usize) -> Option<Kind> {
    let (before, mut rest) = code.split_at_checked(at)?;
    let mut locked = false;
    while let [first, after @ ..] = rest {
        match first {
            0xf0 => locked = true,
            0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf2 | 0xf3 | 0x40..=0x4f => {}
            _ => break,
        }
        rest = after;
    }
    match rest {
        _ if locked => Some(Kind::Atomic),
        // xchg of a register and a register is none.
        [0x86 | 0x87, operands, ..] if *operands < 0xc0 => Some(Kind::Atomic),
        [0x0f, 0xae, 0xf0..=0xf7, ..] => Some(Kind::Atomic),
        [0x0f, 0x05, ..] => Some(called(before)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[u8]) -> Option<Kind> {
        kind(code, 0)
    }

    #[test]
    fn atomics_are_told() {
        let atomics: &[&[u8]] = &[
            &[0xf0, 0x0f, 0xb1, 0x0f],             // lock cmpxchg [rdi], ecx
            &[0xf0, 0x48, 0xff, 0x07],             // lock inc qword ptr [rdi]
            &[0x66, 0xf0, 0x0f, 0xc1, 0x07],       // lock xadd [rdi], ax
            &[0x87, 0x07],                         // xchg [rdi], eax
            &[0x48, 0x87, 0x07],                   // xchg [rdi], rax
            &[0x41, 0x86, 0x44, 0x24, 0x08],       // xchg [r12 + 8], al
            &[0x0f, 0xae, 0xf0],                   // mfence
            &[0xf0, 0x83, 0x4c, 0x24, 0xc0, 0x00], // lock or dword ptr [rsp - 64], 0
        ];
        atomics.iter().for_each(|code| assert_eq!(of(code), Some(Kind::Atomic), "{code:x?}"));
        let others: &[&[u8]] = &[
            &[0x48, 0x87, 0xc3],             // xchg rbx, rax
            &[0x0f, 0xb1, 0x0f],             // cmpxchg [rdi], ecx
            &[0x0f, 0xae, 0xe8],             // lfence
            &[0xf3, 0x48, 0x0f, 0xae, 0xd2], // wrfsbase rdx
            &[0xb8, 0xf0, 0x00, 0x00, 0x00], // mov eax, 240
            &[0x90],                         // nop
            &[],
        ];
        others.iter().for_each(|code| assert_eq!(of(code), None, "{code:x?}"));
    }

    #[test]
    fn calls_are_told_by_their_numbers() {
        assert_eq!(of(&[0x0f, 0x05]), Some(Kind::Call));
        let of = |low, high| kind(&[0xb8, low, high, 0, 0, 0x0f, 0x05], 5);
        assert_eq!(of(158, 0), Some(Kind::ThreadPointer));
        assert_eq!((of(228, 0), of(53, 1)), (Some(Kind::Vdso), Some(Kind::Vdso)));
        assert_eq!((of(159, 0), of(53, 0)), (Some(Kind::Call), Some(Kind::Call)));
        assert_eq!(kind(&[0x0f, 0x05], 3), None);
    }
}
