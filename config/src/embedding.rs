//! `[embedding]`: how passages of the documents are found by an embedding model.

use serde::Deserialize;

/// Wire format of an embedding endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbedWire {
    /// `POST {base_url}/embed` with `{"texts": [..]}`.
    Sidecar,
    /// `POST {base_url}/api/embed`.
    Ollama,
    /// `POST {base_url}/embeddings`; the base includes `/v1`.
    Openai,
}

/// The endpoint; the meaning and default of each field stand in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// Which protocol it speaks.
    pub wire: EmbedWire,
    /// Root of its API; empty = no endpoint.
    pub base_url: String,
    /// Name of the model.
    pub model: String,
    /// Name of the environment variable that holds the key; empty = none.
    pub api_key_env: String,
    /// True when text sent there stays on machines of the user's.
    pub local: bool,
    /// Seconds for one call.
    pub timeout_s: u64,
    /// Seconds to wait for the TCP and TLS handshake.
    pub connect_timeout_s: u64,
    /// Texts in one call at most.
    pub batch: u32,
    /// Calls in flight at most, of one process.
    pub concurrency: u32,
    /// Characters of one text at most.
    pub max_input_chars: u32,
    /// Bytes of one answer at most.
    pub max_answer_bytes: u64,
    /// What stands before each passage, or `auto`.
    pub document_prefix: String,
    /// What stands before each query, or `auto`.
    pub query_prefix: String,
    /// Times a lookup is tried again after transient errors.
    pub retries: u32,
    /// Seconds without a call after giving up.
    pub pause_s: u64,
}

/// The word that leaves a prefix to the model's family.
const AUTO: &str = "auto";

impl EmbeddingConfig {
    /// True when an endpoint is configured.
    pub fn is_on(&self) -> bool {
        !self.base_url.is_empty()
    }

    /// The model that ranks passages; empty when their words do.
    pub fn model_in_use(&self) -> &str {
        if self.is_on() { &self.model } else { "" }
    }

    /// What stands before a passage.
    pub fn prefix_of_documents(&self) -> &str {
        if self.document_prefix == AUTO { self.family().0 } else { &self.document_prefix }
    }

    /// What stands before a query.
    pub fn prefix_of_queries(&self) -> &str {
        if self.query_prefix == AUTO { self.family().1 } else { &self.query_prefix }
    }

    /// The prefixes that a family of models was trained with. Without them its vectors of documents
    /// and of queries do not lie together.
    fn family(&self) -> (&'static str, &'static str) {
        // The name may stand behind an owner and before a tag: `nomic-ai/nomic-embed-text:v1.5`.
        let model = self.model.to_ascii_lowercase();
        let name = model.rsplit('/').next().unwrap_or_default();
        if name.contains("nomic-embed-text") {
            ("search_document: ", "search_query: ")
        } else if name.starts_with("e5-") || name.starts_with("multilingual-e5") {
            ("passage: ", "query: ")
        } else if name.contains("mxbai-embed") {
            ("", "Represent this sentence for searching relevant passages: ")
        } else {
            ("", "")
        }
    }
}
