//! A client.

const API_TOKEN: &str = "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1e";

pub fn token() -> &'static str {
    API_TOKEN
}
