package lab

import (
	"encoding/json"
	"testing"
)

func TestSchemaHas(t *testing.T) {
	var s Schema
	if err := json.Unmarshal([]byte(`{"version":"7.11.0","tables":{"ACL":{"columns":{
		"tier":{"type":"integer"},
		"action":{"type":{"key":{"type":"string","enum":["set",["allow","pass"]]}}}}}}}`), &s); err != nil {
		t.Fatal(err)
	}
	for need, want := range map[string]bool{
		"": true, "ACL": true, "Mirror_Rule": false, "ACL.tier": true, "ACL.sample_new": false, "Mirror.type": false,
		"ACL.action=pass": true, "ACL.action=drop": false, "ACL.action=pas": false,
		"7": true, "7.9": true, "7.11": true, "7.11.0": true, "7.11.1": false, "7.12": false, "8": false, "6.99": true,
	} {
		if got := s.Has(need); got != want {
			t.Errorf("Has(%q) = %v", need, got)
		}
	}
}
