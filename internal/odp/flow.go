package odp

// ParseFlow reads a datapath flow: keys separated by commas. "<empty>" and what else is not
// NAME(...) become keys of Text.
func ParseFlow(in string) (Keys, error) {
	p, err := newParser(in)
	if err != nil {
		return nil, err
	}
	if in == "" {
		return nil, &SyntaxError{In: in, Msg: "no key"}
	}
	for i := 0; i <= len(in); {
		end := p.item(i, len(in))
		if i == end {
			return nil, &SyntaxError{In: in, Off: i, Msg: "empty key"}
		}
		i = end + 1
	}
	return p.keys(0, len(in)), nil
}
