//! What processes and threads have used so far, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// Processor time of a process, all its threads included, in steps of 10 ms.
pub fn of_process(id: u32) -> Duration {
    ticks(id, 2)
}

/// The same with that of its children, living and waited for. A child of a child counts once that child has waited for it.
pub fn of_family(id: u32) -> Duration {
    let folders = fs::read_dir("/proc").unwrap();
    let processes = folders.filter_map(|folder| folder.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let children = processes.filter(|process| parent(*process) == Some(id));
    ticks(id, 4) + children.map(|child| ticks(child, 4)).sum::<Duration>()
}

/// Processor time of this process.
pub fn of_this_process() -> Duration {
    of_process(std::process::id())
}

/// Processor time that this process has waited for in children that ended.
pub fn of_ended_children() -> Duration {
    let id = std::process::id();
    ticks(id, 4) - ticks(id, 2)
}

/// Processor time of a thread of this process, in nanoseconds; `None` where it is not running.
pub fn of_thread(name: &str) -> Option<Duration> {
    for task in fs::read_dir("/proc/self/task").ok()? {
        let folder = task.ok()?.path();
        if fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.trim_end() == name) {
            // The first number is the time on a processor.
            let statistics = fs::read_to_string(folder.join("schedstat")).ok()?;
            let time = statistics.split_whitespace().next()?.parse().ok()?;
            return Some(Duration::from_nanos(time));
        }
    }
    None
}

/// The most memory that a process ever had resident, in KiB; `None` once it has ended.
pub fn peak_kib(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

// proc(5), `stat`: the parent is the fourth field; utime, stime, cutime and cstime are the 14th to 17th, in ticks of 10 ms. The
// name in the second may hold spaces.
fn fields(id: u32) -> Vec<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(1);
    fields.map(|field| field.parse().unwrap_or(0)).collect()
}

fn parent(id: u32) -> Option<u32> {
    u32::try_from(*fields(id).first()?).ok()
}

fn ticks(id: u32, count: usize) -> Duration {
    let ticks: u64 = fields(id).iter().skip(10).take(count).sum();
    Duration::from_millis(ticks * 10)
}
