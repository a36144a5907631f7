//! Why goroutines wait, in words. Go: `waitReasonStrings`.

use super::park::WaitReason;

impl WaitReason {
    /// As dumps say it: in Go's words, for those that Go has.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::Join => "join",
            WaitReason::Park => "park",
            WaitReason::MutexLock => "sync.Mutex.Lock",
            WaitReason::RwMutexRLock => "sync.RWMutex.RLock",
            WaitReason::RwMutexLock => "sync.RWMutex.Lock",
            WaitReason::CondWait => "sync.Cond.Wait",
            WaitReason::WaitGroupWait => "sync.WaitGroup.Wait",
            WaitReason::Semaphore => "semacquire",
            WaitReason::OnceDo => "sync.Once.Do",
            WaitReason::ChanSend => "chan send",
            WaitReason::ChanReceive => "chan receive",
            WaitReason::Select => "select",
            WaitReason::Never => "select (no cases)",
            WaitReason::ThreadLimit => "thread limit",
            WaitReason::Sleep => "sleep",
            WaitReason::IoWait => "IO wait",
            WaitReason::Future => "future",
        }
    }

    /// All there are, in the order of their numbers.
    const ALL: [WaitReason; 17] = [
        WaitReason::Join,
        WaitReason::Park,
        WaitReason::MutexLock,
        WaitReason::RwMutexRLock,
        WaitReason::RwMutexLock,
        WaitReason::CondWait,
        WaitReason::WaitGroupWait,
        WaitReason::Semaphore,
        WaitReason::OnceDo,
        WaitReason::ChanSend,
        WaitReason::ChanReceive,
        WaitReason::Select,
        WaitReason::Never,
        WaitReason::ThreadLimit,
        WaitReason::Sleep,
        WaitReason::IoWait,
        WaitReason::Future,
    ];

    /// The one with this number; 0 and whatever has none is none.
    pub(crate) fn of(number: usize) -> Option<WaitReason> {
        WaitReason::ALL.get(number.checked_sub(1)?).copied()
    }
}

/// Each is where its number says.
const _: () = {
    let mut at = 0;
    while at < WaitReason::ALL.len() {
        assert!(WaitReason::ALL[at] as usize == at + 1);
        at += 1;
    }
};
