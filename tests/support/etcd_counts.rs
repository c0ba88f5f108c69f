//! What an etcd on loopback counts of itself, on its page for Prometheus.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The page of the etcd that listens on this port.
pub async fn page(port: u16) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.expect("etcd");
    let request = b"GET /metrics HTTP/1.0\r\n\r\n";
    connection.write_all(request).await.expect("to ask for metrics");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("metrics");
    answer
}

/// The sum over all lines that contain all of `words`.
pub fn sum(page: &str, words: &[&str]) -> f64 {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| words.iter().all(|word| line.contains(word)));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
