package session

// MaxChains is for the tests, which also make the report of a handshake: its package imports this
// one.
const MaxChains = maxChains
