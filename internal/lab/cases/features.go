package cases

// Features are the rows of docs/coverage.md, in its order: what OVN can do with a packet. A row without a case fails the
// package's test.
var Features = []string{}
