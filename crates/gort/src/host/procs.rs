//! How many goroutines to run at the same time: `GOMAXPROCS`, or what the process may use.

use gort_sys::raw;
use gort_sys::types::{CpuSet, Pid};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// How many CPUs the affinity mask allows.
pub(crate) fn num_cpu() -> usize {
    let mut cpus = CpuSet::EMPTY;
    match raw::sched_getaffinity(Pid::SELF, &mut cpus) {
        Ok(_) => cpus.count().max(1),
        Err(_) => 1,
    }
}

/// `GOMAXPROCS`, or the affinity mask, or less if a cgroup's quota is less (rounded up, at least 2
/// if the mask allows, as in Go).
pub(crate) fn default_procs() -> usize {
    let asked = std::env::var("GOMAXPROCS").ok().and_then(|text| text.parse().ok());
    match asked.filter(|count| *count > 0) {
        Some(count) => count,
        None => limited(num_cpu(), quota(Path::new("/"))),
    }
}

fn limited(cpus: usize, quota: Option<f64>) -> usize {
    match quota {
        Some(quota) => cpus.min((quota.ceil() as usize).max(2)),
        None => cpus,
    }
}

/// The least quota, in CPUs, of the process's cgroup and those above it.
fn quota(root: &Path) -> Option<f64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mut least: Option<f64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (mount, read): (_, fn(&Path) -> Option<f64>) = if controllers.is_empty() {
            ("sys/fs/cgroup", quota_v2)
        } else if controllers.split(',').any(|one| one == "cpu") {
            ("sys/fs/cgroup/cpu", quota_v1)
        } else {
            continue;
        };
        let mount = root.join(mount);
        let mut group: PathBuf = mount.join(path.trim_start_matches('/'));
        while group.starts_with(&mount) {
            if let Some(quota) = read(&group) {
                least = Some(least.map_or(quota, |least| least.min(quota)));
            }
            if !group.pop() {
                break;
            }
        }
    }
    least
}

/// `cpu.max`: quota and period in microseconds, or `max`.
fn quota_v2(group: &Path) -> Option<f64> {
    let text = read_to_string(group.join("cpu.max")).ok()?;
    let mut words = text.split_whitespace();
    ratio(words.next()?, words.next()?)
}

fn quota_v1(group: &Path) -> Option<f64> {
    let quota = read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
    let period = read_to_string(group.join("cpu.cfs_period_us")).ok()?;
    ratio(quota.trim(), period.trim())
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A file system root with these files.
    fn root(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("gort-procs-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_quota_of_version_2_counts_at_every_level() {
        let root = root(
            "v2",
            &[
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/a/cpu.max", "350000 100000\n"),
            ],
        );
        assert_eq!(quota(&root), Some(3.5));
        assert_eq!(limited(16, quota(&root)), 4);
        assert_eq!(limited(2, quota(&root)), 2);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_quota_of_version_1_is_found_by_its_controller() {
        let root = root(
            "v1",
            &[
                ("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x\n"),
                ("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "50000\n"),
                ("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(quota(&root), Some(0.5));
        assert_eq!(limited(16, quota(&root)), 2);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn no_quota_is_no_limit() {
        let root = root(
            "none",
            &[
                ("proc/self/cgroup", "4:cpu:/\n0::/\nrubbish\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(quota(&root), None);
        assert_eq!(limited(16, None), 16);
        fs::remove_dir_all(root).unwrap();
    }
}
