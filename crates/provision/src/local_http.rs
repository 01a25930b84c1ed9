//! The local cloud's own paths beside the API: one plain request over loopback. Nothing else is reached this way.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::CommandError;

/// Sends `body` (or nothing) and gives the answer's status and body.
pub(crate) async fn request(
    address: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<(u16, Vec<u8>), CommandError> {
    let failed = |source: std::io::Error| CommandError::Local {
        doing: "cannot reach the local cloud".to_owned(),
        source: source.into(),
        help: None,
    };
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.map_err(failed)?;
    stream.write_all(body).await.map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(failed)?;
    let garbled = || failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "its answer is no HTTP"));
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(garbled)?;
    let status =
        std::str::from_utf8(&answer[..end]).ok().and_then(|h| h.split(' ').nth(1)?.parse().ok()).ok_or_else(garbled)?;
    Ok((status, answer.split_off(end + 4)))
}
