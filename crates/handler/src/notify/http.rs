//! The HTTPS client for robots, made at the first message: reading a hundred trust roots takes longer than the whole
//! start of the process may.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use super::answer::{Answer, judge};

/// Largest answer read; real ones are under 1 KB.
const MOST_BYTES: usize = 64 * 1024;

/// Posts a JSON body and judges the answer. Errors never name the address: it is a secret.
pub(crate) async fn post(url: &str, body: &str, patience: Duration) -> Answer {
    let client = match client() {
        Ok(client) => client,
        Err(error) => return Answer::Refused(format!("no HTTPS client: {error}")),
    };
    let exchange = async {
        let request = client.post(url).header("content-type", "application/json").body(body.to_owned());
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            read.extend_from_slice(&chunk[..chunk.len().min(MOST_BYTES - read.len())]);
            if read.len() == MOST_BYTES {
                break;
            }
        }
        Ok::<_, reqwest::Error>(judge(status, &read))
    };
    match tokio::time::timeout(patience, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::Retry(chain(&error.without_url())),
        Err(_) => Answer::Retry(format!("no answer within {} ms", patience.as_millis())),
    }
}

/// No proxies (the platform sets variables that are not meant for functions), no redirects (they would carry the key
/// elsewhere), trust roots of our own (the platform's machines are old).
fn client() -> Result<&'static Client, String> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Fails only when a provider is already there, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|root| Certificate::from_der(root).ok());
        Client::builder()
            .tls_certs_only(roots)
            .no_proxy()
            .redirect(Policy::none())
            .http1_only()
            // Idle connections die unnoticed while the platform freezes the instance between events.
            .pool_idle_timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| chain(&error))
    });
    made.as_ref().map_err(Clone::clone)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
