//! The runtime's figures, for people and for what collects metrics.

#[doc(inline)]
pub use gort_rt::{Figures, Latency};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::Deref;

/// How goroutines come by their thread-local storage on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Blocks of their own, built by the dynamic linker, with malloc's caches carried along.
    Full,
}

/// The runtime's figures, each read by itself: see [`Figures`].
///
/// As text (`Display`) they are what Prometheus reads, with the names that [`each`](Stats::each) gives.
///
/// ```
/// let stats = gort::runtime::stats();
/// println!("{} goroutines on {} threads", stats.goroutines, stats.threads);
/// assert!(stats.to_string().contains("\ngort_goroutines 0\n"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// See [`Tier`].
    pub tier: Tier,
    /// The scheduler's, which are this struct's own as far as reading goes.
    pub scheduler: Figures,
}

impl Deref for Stats {
    type Target = Figures;

    fn deref(&self) -> &Figures {
        &self.scheduler
    }
}

/// The present figures. Costs microseconds, however many goroutines there are.
pub fn stats() -> Stats {
    Stats { tier: Tier::Full, scheduler: gort_rt::figures() }
}

/// How many goroutines wait for what, by the words that dumps have for it (Go's, where Go has some).
///
/// Unlike [`stats`] this looks at every goroutine, while they go on: some 30 ms for 100,000.
///
/// ```
/// # gort::run(|| {
/// let (sender, receiver) = gort::chan::bounded::<()>(0);
/// let waiter = gort::go(move || receiver.recv());
/// while gort::runtime::waiting_for().get("chan receive") != Some(&1) {
///     gort::gosched();
/// }
/// # drop(sender);
/// # waiter.join().unwrap().unwrap_err();
/// # });
/// ```
pub fn waiting_for() -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    gort_rt::each_waiting(|reason| *reasons.entry(reason.text()).or_default() += 1);
    reasons
}

/// How many goroutines are in the run queue of each P.
///
/// ```
/// # gort::run(|| {
/// let queued: usize = gort::runtime::run_queues().sum();
/// assert!(queued < 1000);
/// # });
/// ```
pub fn run_queues() -> impl Iterator<Item = usize> {
    gort_rt::run_queues()
}

/// A figure with what a collector of metrics wants to know about it.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    /// Its name, in Prometheus's style: `gort_steals_total`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
    /// Its kind and value.
    pub value: Value<'a>,
}

/// A [`Metric`]'s kind and value.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// It only grows, while the process lives.
    Counter(u64),
    /// It goes up and down.
    Gauge(f64),
    /// Times, by how many there were of what length.
    Histogram(&'a Latency),
}

impl Stats {
    /// Calls `f` with each figure: for whatever collects metrics. With the crate `metrics`, for example,
    /// a counter is `metrics::counter!(metric.name).absolute(count)`, and a gauge
    /// `metrics::gauge!(metric.name).set(value)`.
    ///
    /// ```
    /// use gort::runtime::{Value, stats};
    ///
    /// stats().each(|metric| match metric.value {
    ///     Value::Counter(count) => println!("{} = {count}", metric.name),
    ///     Value::Gauge(value) => println!("{} = {value}", metric.name),
    ///     Value::Histogram(times) => println!("{}: {} times", metric.name, times.count()),
    /// });
    /// ```
    pub fn each(&self, mut f: impl FnMut(Metric<'_>)) {
        let mut gauge = |name, help, value: usize| {
            f(Metric { name, help, value: Value::Gauge(value as f64) });
        };
        gauge("gort_goroutines", "Goroutines that are not over.", self.goroutines);
        gauge("gort_goroutines_runnable", "Goroutines in run queues.", self.runnable);
        gauge("gort_goroutines_running", "Goroutines that run.", self.running);
        gauge("gort_goroutines_in_calls", "Goroutines in system calls or in C.", self.in_calls);
        gauge("gort_goroutines_waiting", "Goroutines that wait.", self.waiting);
        gauge("gort_procs", "GOMAXPROCS.", self.procs);
        gauge("gort_procs_idle", "Ps without work.", self.idle_procs);
        gauge("gort_procs_in_calls", "Ps whose goroutine is in a call.", self.procs_in_calls);
        gauge("gort_threads", "Threads that run goroutines.", self.threads);
        gauge("gort_threads_idle", "Threads that sleep without work.", self.idle_threads);
        gauge("gort_threads_spinning", "Threads that look for work.", self.spinning_threads);
        gauge("gort_queue_global", "Goroutines in the global run queues.", self.global_queue);
        gauge("gort_queue_local", "Goroutines in the Ps' own run queues.", self.local_queues);
        gauge("gort_timers", "Timers that are set.", self.timers);
        let mut count = |name, help, value: usize| {
            f(Metric { name, help, value: Value::Counter(value as u64) });
        };
        count("gort_goroutines_created_total", "Goroutines made.", self.spawned);
        count("gort_switches_total", "Rounds of scheduling.", self.switches);
        count("gort_steals_total", "Times a P took goroutines from another.", self.steals);
        count("gort_preemptions_total", "Goroutines interrupted by a signal.", self.preemptions);
        count("gort_retaken_calls_total", "Ps taken in announced calls.", self.retaken_calls);
        count("gort_rescues_total", "Ps taken in calls not announced.", self.rescues);
        count("gort_retaken_hogs_total", "Ps taken from hogs.", self.retaken_hogs);
        count("gort_handoffs_total", "Ps given away before calls that wait.", self.handed_off);
        count("gort_timers_fired_total", "Timers that have fired.", self.timers_fired);
        count("gort_polls_total", "Times events were asked for.", self.polls);
        count("gort_poll_events_total", "Events of descriptors.", self.events);
        count("gort_watchdog_alarms_total", "Goroutines the watchdog has found.", self.alarms);
        let mut last = |name, help, value| f(Metric { name, help, value });
        let uptime = self.uptime as f64 / 1e9;
        last("gort_uptime_seconds", "Time since the runtime was started.", Value::Gauge(uptime));
        last(
            "gort_latency_seconds",
            "For how long goroutines waited to be run, one in 512.",
            Value::Histogram(&self.latency),
        );
    }
}

/// Prometheus's text format, 0.0.4.
impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.each(|metric| result = result.and_then(|()| metric.fmt(f)));
        result
    }
}

impl Display for Metric<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Metric { name, help, value } = self;
        writeln!(f, "# HELP {name} {help}")?;
        match value {
            Value::Counter(count) => writeln!(f, "# TYPE {name} counter\n{name} {count}"),
            Value::Gauge(value) => writeln!(f, "# TYPE {name} gauge\n{name} {value}"),
            Value::Histogram(times) => {
                writeln!(f, "# TYPE {name} histogram")?;
                let mut below = 0;
                for (bound, count) in times.buckets() {
                    below += count;
                    match bound {
                        Some(nanos) => write!(f, "{name}_bucket{{le=\"{}\"}}", nanos as f64 / 1e9)?,
                        None => write!(f, "{name}_bucket{{le=\"+Inf\"}}")?,
                    }
                    writeln!(f, " {below}")?;
                }
                writeln!(f, "{name}_sum {}\n{name}_count {below}", times.nanos() as f64 / 1e9)
            }
        }
    }
}
