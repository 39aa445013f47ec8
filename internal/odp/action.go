package odp

// String returns the action as OVS prints it.
func (a Output) String() string { return string(a.append(nil)) }
func (Output) action()          {}

// String returns the action as OVS prints it.
func (a Drop) String() string { return string(a.append(nil)) }
func (Drop) action()          {}

// String returns the action as OVS prints it.
func (a LbOutput) String() string { return string(a.append(nil)) }
func (LbOutput) action()          {}

// String returns the action as OVS prints it.
func (a Trunc) String() string { return string(a.append(nil)) }
func (Trunc) action()          {}

// String returns the action as OVS prints it.
func (a Meter) String() string { return string(a.append(nil)) }
func (Meter) action()          {}

// String returns the action as OVS prints it.
func (a TnlPop) String() string { return string(a.append(nil)) }
func (TnlPop) action()          {}

// String returns the action as OVS prints it.
func (a TnlPush) String() string { return string(a.append(nil)) }
func (TnlPush) action()          {}

// String returns the action as OVS prints it.
func (a Userspace) String() string { return string(a.append(nil)) }
func (Userspace) action()          {}

// String returns the action as OVS prints it.
func (a Recirc) String() string { return string(a.append(nil)) }
func (Recirc) action()          {}

// String returns the action as OVS prints it.
func (a Hash) String() string { return string(a.append(nil)) }
func (Hash) action()          {}

// String returns the action as OVS prints it.
func (a Set) String() string { return string(a.append(nil)) }
func (Set) action()          {}

// String returns the action as OVS prints it.
func (a PushEth) String() string { return string(a.append(nil)) }
func (PushEth) action()          {}

// String returns the action as OVS prints it.
func (a PopEth) String() string { return string(a.append(nil)) }
func (PopEth) action()          {}

// String returns the action as OVS prints it.
func (a PushVLAN) String() string { return string(a.append(nil)) }
func (PushVLAN) action()          {}

// String returns the action as OVS prints it.
func (a PopVLAN) String() string { return string(a.append(nil)) }
func (PopVLAN) action()          {}

// String returns the action as OVS prints it.
func (a PushMPLS) String() string { return string(a.append(nil)) }
func (PushMPLS) action()          {}

// String returns the action as OVS prints it.
func (a PopMPLS) String() string { return string(a.append(nil)) }
func (PopMPLS) action()          {}

// String returns the action as OVS prints it.
func (a Sample) String() string { return string(a.append(nil)) }
func (Sample) action()          {}

// String returns the action as OVS prints it.
func (a Clone) String() string { return string(a.append(nil)) }
func (Clone) action()          {}

// String returns the action as OVS prints it.
func (a CT) String() string { return string(a.append(nil)) }
func (CT) action()          {}

// String returns the action as OVS prints it.
func (a CTClear) String() string { return string(a.append(nil)) }
func (CTClear) action()          {}

// String returns the action as OVS prints it.
func (a PushNSH) String() string { return string(a.append(nil)) }
func (PushNSH) action()          {}

// String returns the action as OVS prints it.
func (a PopNSH) String() string { return string(a.append(nil)) }
func (PopNSH) action()          {}

// String returns the action as OVS prints it.
func (a CheckPktLen) String() string { return string(a.append(nil)) }
func (CheckPktLen) action()          {}

// String returns the action as OVS prints it.
func (a DecTTL) String() string { return string(a.append(nil)) }
func (DecTTL) action()          {}

// String returns the action as OVS prints it.
func (a PSample) String() string { return string(a.append(nil)) }
func (PSample) action()          {}

// String returns the action as OVS prints it.
func (a Opaque) String() string { return string(a.append(nil)) }
func (Opaque) action()          {}
