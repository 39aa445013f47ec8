package lab

import "path/filepath"

// CentralFiles returns the files of a zone's Northbound and Southbound databases.
func CentralFiles(z Zone) [2]string {
	return [2]string{filepath.Join(z.dir(), "ovn-nb.db"), filepath.Join(z.dir(), "ovn-sb.db")}
}

// ConfFile returns the file of a chassis' Open_vSwitch database.
func ConfFile(chassis string) string { return filepath.Join(OVSRundir(chassis), "vswitch.db") }
