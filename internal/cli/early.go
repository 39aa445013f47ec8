package cli

import (
	"os"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
)

// judge refuses input that is wrong whatever the databases hold, before one is connected. What
// depends on an address set or a port group is judged once that is read.
func (in *input) judge() error {
	mf := in.given
	if in.text != "" {
		var whole bool
		var err error
		if mf, whole, err = microflow.Early(in.text, in.families()...); err != nil || !whole {
			return microflowUsage("microflow", err)
		}
	}
	if in.from == "" && mf.InPort == "" {
		return errNoPort
	}
	proto, _ := protoOf(in.proto)
	draft, err := microflow.Draft(mf, in.dest, microflow.FillOptions{Proto: proto})
	if err != nil {
		return fillUsage(err)
	}
	if in.handshake && (draft.Packet.IsIP() || draft.Given.Has(microflow.HasEthType)) {
		return session.Check(draft.Packet)
	}
	return nil
}

// families lists the address families, 4 and 6, that --to leaves possible; 0 without --to.
func (in *input) families() []int {
	switch {
	case in.to == "":
		return []int{0}
	case in.dest.Kind != microflow.TargetIP:
		return []int{4, 6}
	case in.dest.Addr.Is6():
		return []int{6}
	}
	return []int{4}
}

// checkInner reads --icmp-inner.
func (in *input) checkInner() error {
	_, err := in.innerPacket(packet.Packet{})
	return err
}

// checkRemoteEnv refuses malformed remotes in the environment where no flag overrides them.
func (c *common) checkRemoteEnv() error {
	for name, flag := range map[string]string{"OVN_SB_DB": c.sb, "OVN_NB_DB": c.nb} {
		if flag != "" {
			continue
		}
		if err := checkRemotes(name, os.Getenv(name)); err != nil {
			return err
		}
	}
	return nil
}
