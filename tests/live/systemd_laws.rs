//! The laws of the systemd room, on a real systemd: the test program of the other suite runs them
//! on a machine.

use std::process::Command;

use crate::cluster::Cluster;

/// The test program, as cargo built it.
fn program() -> String {
    let built = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--no-run", "--test", "it"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    let path = said.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
    path.map(|(path, _)| path.to_owned()).unwrap_or_else(|| panic!("no program in:\n{said}"))
}

#[test]
#[ignore = "needs machines"]
fn the_real_systemd_keeps_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(program());
    let program = std::fs::read(path).expect("the program is there");
    Cluster.put("m3", "/root/it", &program);
    let run = "chmod +x /root/it && /root/it --ignored --exact --nocapture systemd_laws::real::systemd_laws_real";
    Cluster.sh("m3", run).success();
}
