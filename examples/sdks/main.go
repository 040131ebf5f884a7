// Go's net/http: go run main.go
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
)

func ask(body string) *http.Response {
	answer, err := http.Post(os.Getenv("OPENAI_BASE_URL")+"/responses", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	return answer
}

func find(pattern, text string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

func main() {
	stream := ask(`{"model": "text/hello", "input": "Say hello", "stream": true}`)
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	fmt.Print("text: ")
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), "output_text.delta") {
			fmt.Print(find(`"delta":"([^"]*)"`, lines.Text()))
		}
	}
	fmt.Println()

	question := `{"role": "user", "content": "What is the weather in Paris now?"}`
	first, _ := io.ReadAll(ask(`{"model": "tools/get_weather", "input": [` + question + `]}`).Body)
	call := find(`"call_id":"([^"]*)"`, string(first))
	second, _ := io.ReadAll(ask(`{"model": "tools/get_weather", "input": [` + question + `,
		{"type": "function_call", "call_id": "` + call + `", "name": "get_weather", "arguments": "{\"city\":\"Paris\",\"unit\":\"celsius\"}"},
		{"type": "function_call_output", "call_id": "` + call + `", "output": "18 degrees"}]}`).Body)
	fmt.Println("tool:", find(`"text":"([^"]*)"`, string(second)))

	fmt.Println("error:", ask(`{"model": "errors/rate_limit", "input": "Hi"}`).StatusCode)
}
