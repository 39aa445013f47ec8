package odp

// String prints the action as OVS does.
func (a Output) String() string { return string(a.append(nil)) }
func (Output) action()          {}

// String prints the action as OVS does.
func (a Drop) String() string { return string(a.append(nil)) }
func (Drop) action()          {}

// String prints the action as OVS does.
func (a LbOutput) String() string { return string(a.append(nil)) }
func (LbOutput) action()          {}

// String prints the action as OVS does.
func (a Trunc) String() string { return string(a.append(nil)) }
func (Trunc) action()          {}

// String prints the action as OVS does.
func (a Meter) String() string { return string(a.append(nil)) }
func (Meter) action()          {}

// String prints the action as OVS does.
func (a TnlPop) String() string { return string(a.append(nil)) }
func (TnlPop) action()          {}

// String prints the action as OVS does.
func (a TnlPush) String() string { return string(a.append(nil)) }
func (TnlPush) action()          {}

// String prints the action as OVS does.
func (a Userspace) String() string { return string(a.append(nil)) }
func (Userspace) action()          {}

// String prints the action as OVS does.
func (a Recirc) String() string { return string(a.append(nil)) }
func (Recirc) action()          {}

// String prints the action as OVS does.
func (a Hash) String() string { return string(a.append(nil)) }
func (Hash) action()          {}

// String prints the action as OVS does.
func (a Set) String() string { return string(a.append(nil)) }
func (Set) action()          {}

// String prints the action as OVS does.
func (a PushEth) String() string { return string(a.append(nil)) }
func (PushEth) action()          {}

// String prints the action as OVS does.
func (a PopEth) String() string { return string(a.append(nil)) }
func (PopEth) action()          {}

// String prints the action as OVS does.
func (a PushVLAN) String() string { return string(a.append(nil)) }
func (PushVLAN) action()          {}

// String prints the action as OVS does.
func (a PopVLAN) String() string { return string(a.append(nil)) }
func (PopVLAN) action()          {}

// String prints the action as OVS does.
func (a PushMPLS) String() string { return string(a.append(nil)) }
func (PushMPLS) action()          {}

// String prints the action as OVS does.
func (a PopMPLS) String() string { return string(a.append(nil)) }
func (PopMPLS) action()          {}

// String prints the action as OVS does.
func (a Sample) String() string { return string(a.append(nil)) }
func (Sample) action()          {}

// String prints the action as OVS does.
func (a Clone) String() string { return string(a.append(nil)) }
func (Clone) action()          {}

// String prints the action as OVS does.
func (a CT) String() string { return string(a.append(nil)) }
func (CT) action()          {}

// String prints the action as OVS does.
func (a CTClear) String() string { return string(a.append(nil)) }
func (CTClear) action()          {}

// String prints the action as OVS does.
func (a PushNSH) String() string { return string(a.append(nil)) }
func (PushNSH) action()          {}

// String prints the action as OVS does.
func (a PopNSH) String() string { return string(a.append(nil)) }
func (PopNSH) action()          {}

// String prints the action as OVS does.
func (a CheckPktLen) String() string { return string(a.append(nil)) }
func (CheckPktLen) action()          {}

// String prints the action as OVS does.
func (a DecTTL) String() string { return string(a.append(nil)) }
func (DecTTL) action()          {}

// String prints the action as OVS does.
func (a PSample) String() string { return string(a.append(nil)) }
func (PSample) action()          {}

// String prints the action as OVS does.
func (a Opaque) String() string { return string(a.append(nil)) }
func (Opaque) action()          {}
