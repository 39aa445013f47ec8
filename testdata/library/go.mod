module example.com/policy

go 1.26

require github.com/ovn-ct-trace/ovn-ct-trace v0.0.0

replace github.com/ovn-ct-trace/ovn-ct-trace => ../..
