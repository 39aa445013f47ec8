// Package ctjournal writes synthetic entries into a kernel's conntrack table and removes them
// again, even if the process is killed in between.
//
// Every entry is written to a journal and synced to disk before it is created in the kernel. A run
// holds a lock on its journal as long as it runs. If the lock is free and the journal lists
// entries, the run was killed (or had Options.Keep), and Clean removes exactly those entries.
//
// CTA_ID does not identify an entry: it is a keyed hash of the entry's address in memory and its
// tuple, and the allocator reuses the address of an expired entry, so a real connection with the
// same tuple usually gets the same id. Therefore each entry has a random tag (ctnetlink.Spec.Tag),
// which is in the journal first. The tag also identifies the entry if the run was killed before it
// learned the id. See proof.
package ctjournal
