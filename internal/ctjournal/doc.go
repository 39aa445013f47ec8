// Package ctjournal writes synthetic entries into a kernel's conntrack table
// and takes them out again, whatever happens in between.
//
// Every entry is in a journal, synced to disk, before it is in the kernel. A
// run holds a lock on its journal for as long as it lives; when the lock is
// free and entries are left, the run was killed (or told to keep them), and
// Clean removes exactly those.
//
// What is ours? CTA_ID alone does not tell: it is a keyed hash of the entry's
// address in memory and its tuple, and the allocator hands the address of an
// entry that has expired to the next one, so a real connection that takes the
// tuple over usually gets the very id. So each entry carries a random tag
// (ctnetlink.Spec.Tag), written to the journal beforehand: it also identifies
// the entry when the run was killed before it learned the id. See proof.
package ctjournal
