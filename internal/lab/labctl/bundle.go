package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// bundler collects with the tool's own command.
type bundler struct {
	lab  *lab.Lab
	tool string
	file string
}

// collect returns the path for --bundle.
func (b *bundler) collect(ctx context.Context, zone string) ([]string, error) {
	args := append([]string{"bundle", "--force", "-o", "json"}, b.lab.Topo.Zone(zone).Reach()...)
	args = append(append(args, b.lab.Topo.NodeFlags(b.tool)...), b.file)
	run, err := b.lab.RunTool(ctx, b.tool, args...)
	if run == nil {
		return nil, err
	}
	// Chassis that the lab has stopped are missing in it.
	if run.Status != 0 && run.Status != 3 {
		return nil, fmt.Errorf("collecting: status %d: %s", run.Status, run.Stderr)
	}
	return []string{b.file}, nil
}

// secret is planted where secrets are kept, and must not leave.
const secret = "s3cret-of-the-lab"

// plants are the commands that plant it, each with the one that removes it.
func plants() (plant, remove [][]string) {
	for _, p := range [][2]string{
		{"ovs-vsctl set Open_vSwitch . external_ids:rabbit-password={S} external_ids:site-note={S} other_config:private_key={S}",
			"ovs-vsctl remove Open_vSwitch . external_ids rabbit-password -- remove Open_vSwitch . external_ids site-note -- remove Open_vSwitch . other_config private_key"},
		{"ovs-vsctl set-ssl /{S}.key /{S}.crt /{S}.ca", "ovs-vsctl del-ssl"},
		{"ovs-vsctl set Bridge br-int external_ids:token={S} other_config:key-secret={S}",
			"ovs-vsctl remove Bridge br-int external_ids token -- remove Bridge br-int other_config key-secret"},
		{"ovs-vsctl add-port br-int labsecret -- set Interface labsecret type=geneve options:remote_ip=192.0.2.1 options:psk={S} options:key=flow options:remote_cert=/{S}",
			"ovs-vsctl del-port labsecret"},
		{"ovn-nbctl set-ssl /{S}.key /{S}.crt /{S}.ca", "ovn-nbctl del-ssl"},
		{"ovn-nbctl set NB_Global . options:auth-token={S} external_ids:note={S}", "ovn-nbctl remove NB_Global . options auth-token -- remove NB_Global . external_ids note"},
		{"ovn-nbctl set Logical_Switch sw0 external_ids:neutron-admin={S} other_config:secret={S}",
			"ovn-nbctl remove Logical_Switch sw0 external_ids neutron-admin -- remove Logical_Switch sw0 other_config secret"},
	} {
		plant = append(plant, strings.Fields(strings.ReplaceAll(p[0], "{S}", secret)))
		remove = append(remove, strings.Fields(p[1]))
	}
	return plant, remove
}

// run runs a command of a chassis, or of the databases.
func (b *bundler) run(ctx context.Context, words []string) error {
	env := b.lab.ChassisEnv(b.lab.Topo.Chassis[0].Name)
	if words[0] == "ovn-nbctl" {
		env = b.lab.CentralEnv()
		words = append([]string{words[0], "--db=" + b.lab.Topo.Zone("").NB()}, words[1:]...)
	}
	_, err := lab.Command(ctx, env, "", words...)
	return err
}

// check collects once while secrets are planted and one chassis is dead, and gives up once.
func (b *bundler) check(ctx context.Context) (err error) {
	plant, remove := plants()
	if b.lab.Topo.Zone("").On != "" { // the databases are sockets of a chassis
		plant, remove = plant[:4], remove[:4]
	}
	for i, words := range plant {
		if err := b.run(ctx, words); err != nil {
			return err
		}
		defer func() {
			if rerr := b.run(context.WithoutCancel(ctx), remove[i]); err == nil {
				err = rerr
			}
		}()
	}
	dead := b.lab.Topo.Chassis[2].Name
	file := strings.TrimSuffix(b.file, ".zst")
	defer os.Remove(file)
	args := append([]string{"bundle", "-o", "json", "--force"}, b.lab.Topo.Zone("").Reach()...)
	args = append(append(args, b.lab.Topo.NodeFlags(b.tool)...), "--node", dead+"=exec:false", file)
	run, err := b.lab.RunTool(ctx, b.tool, args...)
	if err != nil {
		return err
	}
	var r report.BundleReport
	if err := run.JSON(&r); err != nil {
		return err
	}
	if run.Status != 3 || len(r.Failed) != 1 || r.Failed[0].Chassis != dead {
		return fmt.Errorf("bundle without %s: status %d, %+v", dead, run.Status, r.Failed)
	}
	all, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if i := bytes.Index(all, []byte(secret)); i >= 0 {
		return fmt.Errorf("bundle: a secret has left: %q", all[max(0, i-200):i+len(secret)])
	}
	for _, want := range []string{b.lab.Topo.VIFs[0].Port, `psk","***"`, "ct-zone-", `"chassis": "` + dead + `"`} {
		if !bytes.Contains(all, []byte(want)) {
			return fmt.Errorf("bundle: the archive lacks %s", want)
		}
	}
	return b.interrupt(ctx, args[:len(args)-3])
}

// interrupt ends a run in the middle: nothing of it may remain.
func (b *bundler) interrupt(ctx context.Context, args []string) error {
	dir, err := os.MkdirTemp("", "ctlab-bundle-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, b.tool, append(args, filepath.Join(dir, "x.tar.gz"))...)
	cmd.Env = append(os.Environ(), b.lab.Bin.Env()...)
	if err := cmd.Start(); err != nil {
		return err
	}
	for { // until it writes
		list, err := os.ReadDir(dir)
		if err != nil || len(list) > 0 {
			break
		}
		if cmd.Process.Signal(syscall.Signal(0)) != nil || ctx.Err() != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	werr := cmd.Wait()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) > 0 || werr == nil {
		return fmt.Errorf("bundle: an interrupted run (%v) leaves %v, %v", werr, list, err)
	}
	return nil
}
