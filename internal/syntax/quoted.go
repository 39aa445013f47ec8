package syntax

// Quoted returns the length in bytes of the JSON string that s starts with, as Open vSwitch prints
// a name that is not plain (json_string_escape, lib/json.c); 0 for a string that never ends.
func Quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
