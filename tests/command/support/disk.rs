//! A small file system.
use super::environment::skipped;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system of this size, or the reason why there is none.
pub struct Disk(TempDir);

impl Disk {
    pub fn of(size: &str) -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Disk(dir));
        }
        skipped("a full disk", "only root may mount a small one");
        None
    }

    /// Changes it: `size=20m`, `ro`.
    pub fn remount(&self, options: &str) {
        let mount = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status();
        assert!(mount.unwrap().success());
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
