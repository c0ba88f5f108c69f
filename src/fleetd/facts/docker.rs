//! The version of Docker's engine, asked over its socket, if it runs. Knows the one request that
//! this takes.

use std::path::Path;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use crate::fleetd::chain::BoxedError;

/// Names the engine's process; an engine that was killed leaves it behind. Where only its socket is
/// there, systemd would start the engine for who asks, and nobody wants that for a table's sake.
const PID_FILE: &str = "/run/docker.pid";

/// Where it answers.
const SOCKET: &str = "/run/docker.sock";

/// It says much more than its version, but not as much as this.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Version")]
    version: String,
}

/// Its version; `None` when it does not run, or does not say.
pub async fn version() -> Option<String> {
    if !runs(Path::new(PID_FILE)) {
        return None;
    }
    ask(SOCKET)
        .await
        .inspect_err(|error| tracing::debug!(%error, "asking for Docker's version"))
        .ok()
}

/// Whether there is a process that this file names.
fn runs(pid_file: &Path) -> bool {
    let pid = std::fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse().ok());
    pid.is_some_and(|pid: u32| Path::new("/proc").join(pid.to_string()).exists())
}

async fn ask(socket: &str) -> Result<String, BoxedError> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/version").header("host", "docker").body(Empty::<Bytes>::new())?;
    // The connection ends when nobody can send on it any more.
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await
    };
    let (body, ended) = tokio::join!(exchange, connection);
    let body = body?.to_bytes();
    ended?;
    Ok(serde_json::from_slice::<Answer>(&body)?.version)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// An engine that answers one request with this, and hangs up or waits until the asker does.
    async fn asked_of(answer: &str, hangs_up: bool) -> Result<String, BoxedError> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket)?;
        let engine = async {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await?;
            assert!(request[..read].starts_with(b"GET /version HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await?;
            if hangs_up { Ok(0) } else { stream.read(&mut request).await }
        };
        let socket = socket.display().to_string();
        let (version, engine) = tokio::join!(ask(&socket), engine);
        assert_eq!(engine?, 0, "nothing else was asked");
        version
    }

    #[test]
    fn an_engine_that_was_killed_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docker.pid");
        assert!(!runs(&file));
        for (text, expected) in [
            (std::process::id().to_string(), true),
            (format!("{}\n", std::process::id()), true),
            (u32::MAX.to_string(), false),
            ("../self".to_owned(), false),
        ] {
            std::fs::write(&file, &text).unwrap();
            assert_eq!(runs(&file), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn an_engine_says_its_version() {
        let body = r#"{"Platform":{"Name":""},"Version":"20.10.24+dfsg1","ApiVersion":"1.41"}"#;
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        for hangs_up in [true, false] {
            assert_eq!(asked_of(&answer, hangs_up).await.unwrap(), "20.10.24+dfsg1");
        }
        let (other, short) = ("Content-Length: 2\r\n\r\n{}", "Content-Length: 20\r\n\r\n{}");
        for bad in [other, short] {
            assert!(asked_of(&format!("HTTP/1.1 200 OK\r\n{bad}"), true).await.is_err());
        }
        assert!(asked_of("", true).await.is_err());
    }
}
