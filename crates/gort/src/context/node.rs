//! The tree of contexts that can be cancelled.
//!
//! A node keeps its parent; the parent knows its children by weak references, by number, until they are
//! cancelled or gone. Nothing here recurses, however deep or wide the tree is.
//!
//! Whether a node is over is decided under its lock, in one step with what depends on it: taking its
//! children for cancelling them, adding one, making its channel. Locks of two nodes are never held at
//! the same time.

use super::{Cause, Error, Never};
use crate::chan::{Receiver, Sender, bounded};
use crate::sync::{Mutex, OnceLock};
use crate::time::Timer;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// [`Node::over`]: it is not. Else 1 and more: an [`Error`].
const NOT_OVER: u8 = 0;

pub(super) struct Node {
    parent: Option<Arc<Node>>,
    number: u64,
    /// Changed once, under the lock.
    over: AtomicU8,
    state: Mutex<State>,
    /// Made when somebody first asks for it, under the lock.
    done: OnceLock<(Sender<Never>, Receiver<Never>)>,
    /// The earliest of its own and its ancestors'.
    deadline: Option<Instant>,
    /// If the deadline is its own.
    timer: OnceLock<Timer>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were made.
    children: BTreeMap<u64, Weak<Node>>,
    cause: Option<Cause>,
}

impl Node {
    /// A child of `parent`; over if that is, and when the deadline comes.
    pub(super) fn new(parent: Option<&Arc<Node>>, deadline: Option<Instant>) -> Arc<Node> {
        let inherited = parent.and_then(|parent| parent.deadline);
        let own = deadline.filter(|own| inherited.is_none_or(|inherited| *own < inherited));
        let node = Node::child(parent, own.or(inherited));
        if let Some(own) = own {
            node.set_timer(own);
        }
        node
    }

    fn child(parent: Option<&Arc<Node>>, deadline: Option<Instant>) -> Arc<Node> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let node = Arc::new(Node {
            parent: parent.cloned(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            over: AtomicU8::new(NOT_OVER),
            state: Mutex::default(),
            done: OnceLock::new(),
            deadline,
            timer: OnceLock::new(),
        });
        if let Some(parent) = parent {
            let mut state = parent.state.lock();
            match parent.err() {
                None => {
                    state.children.insert(node.number, Arc::downgrade(&node));
                }
                Some(why) => {
                    let cause = state.cause.clone();
                    drop(state);
                    node.cancel(why, cause);
                }
            }
        }
        node
    }

    /// Cancels it when the deadline comes, or now if that is past.
    fn set_timer(self: &Arc<Node>, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return self.cancel(Error::DeadlineExceeded, None);
        }
        let node = Arc::downgrade(self);
        let timer = Timer::after_func(left, move || {
            if let Some(node) = node.upgrade() {
                node.cancel(Error::DeadlineExceeded, None);
            }
        });
        let timer = self.timer.get_or_init(|| timer);
        if self.err().is_some() {
            timer.stop();
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn err(&self) -> Option<Error> {
        // Acquire: pairs with the Release in `end`.
        match self.over.load(Ordering::Acquire) {
            NOT_OVER => None,
            1 => Some(Error::Canceled),
            _ => Some(Error::DeadlineExceeded),
        }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        let why = self.err()?;
        Some(self.state.lock().cause.clone().unwrap_or_else(|| Arc::new(why)))
    }

    pub(super) fn done(&self) -> &Receiver<Never> {
        let (_, receiver) = self.done.get().unwrap_or_else(|| self.make_done());
        receiver
    }

    #[cold]
    fn make_done(&self) -> &(Sender<Never>, Receiver<Never>) {
        let _state = self.state.lock();
        let channel = self.done.get_or_init(|| bounded(0));
        if self.err().is_some() {
            channel.0.close();
        }
        channel
    }

    /// Ends this node and all below it, parents first; one that is over already stays as it is.
    pub(super) fn cancel(self: &Arc<Node>, why: Error, cause: Option<Cause>) {
        let mut rest = vec![Arc::clone(self)];
        while let Some(node) = rest.pop() {
            let children = node.end(why, cause.as_ref());
            rest.extend(children.into_values().rev().filter_map(|child| child.upgrade()));
        }
        if let Some(parent) = &self.parent {
            parent.state.lock().children.remove(&self.number);
        }
    }

    /// Ends this one: its children are to follow.
    fn end(&self, why: Error, cause: Option<&Cause>) -> BTreeMap<u64, Weak<Node>> {
        let mut state = self.state.lock();
        if self.err().is_some() {
            return BTreeMap::new();
        }
        state.cause = cause.cloned();
        let over = if why == Error::Canceled { 1 } else { 2 };
        // Release: pairs with the Acquire in `err`.
        self.over.store(over, Ordering::Release);
        let children = std::mem::take(&mut state.children);
        drop(state);
        if let Some((sender, _)) = self.done.get() {
            sender.close();
        }
        self.stop_timer();
        children
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.get() {
            timer.stop();
        }
    }

    /// Takes the parent away, having told it.
    fn leave(&mut self) -> Option<Arc<Node>> {
        let parent = self.parent.take()?;
        parent.state.lock().children.remove(&self.number);
        Some(parent)
    }
}

/// One after the other: a long line of descent must not recurse.
impl Drop for Node {
    fn drop(&mut self) {
        self.stop_timer();
        let mut next = self.leave();
        while let Some(mut parent) = next.and_then(Arc::into_inner) {
            next = parent.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(node: &Node) -> usize {
        node.state.lock().children.len()
    }

    #[test]
    fn a_parent_forgets_children_that_are_cancelled_or_gone() {
        let parent = Node::new(None, None);
        let nodes: Vec<_> = (0..10).map(|_| Node::new(Some(&parent), None)).collect();
        assert_eq!(children(&parent), 10);
        nodes[3].cancel(Error::Canceled, None);
        assert_eq!(children(&parent), 9);
        drop(nodes);
        assert_eq!(children(&parent), 0);
        // What keeps a child alive is its own child.
        let grandchild = Node::new(Some(&Node::new(Some(&parent), None)), None);
        assert_eq!(children(&parent), 1);
        drop(grandchild);
        assert_eq!(children(&parent), 0);
    }

    #[test]
    fn a_parent_that_is_over_keeps_no_children() {
        let parent = Node::new(None, None);
        let early = Node::new(Some(&parent), None);
        parent.cancel(Error::DeadlineExceeded, None);
        let late = Node::new(Some(&parent), None);
        assert_eq!(children(&parent), 0);
        assert_eq!([early.err(), late.err()], [Some(Error::DeadlineExceeded); 2]);
    }
}
