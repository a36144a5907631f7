//! The values of a context: a list that contexts share from their common ancestor on.

use std::any::Any;
use std::sync::Arc;

/// The newest value, and what was before it.
#[derive(Clone, Default)]
pub(super) struct Values(Option<Arc<Value>>);

struct Value {
    value: Box<dyn Any + Send + Sync>,
    before: Values,
}

impl Values {
    pub(super) fn with(&self, value: impl Any + Send + Sync) -> Values {
        Values(Some(Arc::new(Value { value: Box::new(value), before: self.clone() })))
    }

    /// The newest value of this type.
    pub(super) fn get<T: Any>(&self) -> Option<&T> {
        let mut next = self;
        while let Some(value) = next.0.as_deref() {
            if let Some(found) = value.value.downcast_ref() {
                return Some(found);
            }
            next = &value.before;
        }
        None
    }
}

/// One after the other: however many there are, this must not recurse.
impl Drop for Value {
    fn drop(&mut self) {
        let mut next = self.before.0.take();
        while let Some(mut value) = next.and_then(Arc::into_inner) {
            next = value.before.0.take();
        }
    }
}
