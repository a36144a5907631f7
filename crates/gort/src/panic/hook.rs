//! Who hears of it when a panic ends a goroutine.
//!
//! std's hook hears of every panic when it begins: of those that are caught, too, and not of what
//! `resume_unwind` raises. This one hears of those that nobody has caught, when their goroutine is over.

use crate::join::GoId;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A panic that ends a goroutine: see [`on_panic`].
pub struct PanicInfo<'a> {
    id: GoId,
    name: Option<&'a str>,
    payload: &'a (dyn Any + Send),
}

impl<'a> PanicInfo<'a> {
    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.id
    }

    /// The goroutine's name.
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// What it panicked with, and whoever joins it gets.
    pub fn payload(&self) -> &'a (dyn Any + Send) {
        self.payload
    }

    /// The payload, if it is a text.
    pub fn payload_as_str(&self) -> Option<&'a str> {
        super::text(self.payload)
    }
}

impl fmt::Debug for PanicInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("PanicInfo");
        out.field("id", &self.id).field("name", &self.name);
        out.field("payload_as_str", &self.payload_as_str()).finish()
    }
}

type Hook = Arc<dyn Fn(&PanicInfo<'_>) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Has `hook` called whenever a panic ends a goroutine, in place of the hook given before, for logs and
/// counters. It is called on the goroutine, before those who join it go on, and before the policy
/// *crash* ends the process. Not for [`goexit`](crate::goexit), and not for panics that are caught on
/// the way: of these [`std::panic::set_hook`] hears, which works on goroutines as anywhere, and in which
/// [`gort::current`](crate::current) says where it is.
///
/// The hook must not panic: that aborts the process.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// static LAST: AtomicU64 = AtomicU64::new(0);
/// gort::panic::on_panic(|info| LAST.store(info.id().as_u64(), Ordering::Relaxed));
/// let handle = gort::go(|| std::panic::resume_unwind(Box::new("no message")));
/// let id = handle.id();
/// handle.join().unwrap_err();
/// assert_eq!(LAST.load(Ordering::Relaxed), id.as_u64());
/// ```
pub fn on_panic(hook: impl Fn(&PanicInfo<'_>) + Send + Sync + 'static) {
    let before = HOOK.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(hook));
    drop(before);
}

/// A panic ends this goroutine.
pub(super) fn call(payload: &(dyn Any + Send)) {
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(hook) = hook
        && let Some(gp) = gort_rt::current()
    {
        hook(&PanicInfo { id: GoId(gp.id()), name: gp.name_here(), payload });
    }
}
