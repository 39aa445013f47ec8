package odp

// ParseFlow reads a datapath flow: keys separated by commas. "<empty>" and what else is not
// NAME(...) become keys of Text.
func ParseFlow(in string) (Keys, error) {
	p, err := newParser(in)
	if err != nil {
		return nil, err
	}
	if in == "" {
		return nil, fault(in, 0, "no key")
	}
	for i := 0; i <= len(in); {
		end := p.item(i, len(in))
		if i == end {
			return nil, fault(in, i, "empty key")
		}
		i = end + 1
	}
	return p.keys(0, len(in)), nil
}
