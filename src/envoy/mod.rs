//! The only room that knows Envoy's words: a CheckRequest becomes a request
//! for the engine, a decision becomes a CheckResponse.
