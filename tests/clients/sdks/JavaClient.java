// Java's HttpClient: java JavaClient.java BASE_URL RUN NAME...

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class JavaClient {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static final String STRING = "\"((?:[^\"\\\\]|\\\\.)*)\"";
    static final String QUESTION = "{\"role\": \"user\", \"content\": \"What is the weather in Paris now?\"}";

    record Answer(int status, List<String> lines) {
        String text() {
            StringBuilder text = new StringBuilder();
            for (String line : lines) {
                if (line.startsWith("data: ") && line.contains("response.output_text.delta")) {
                    text.append(find("\"delta\":" + STRING, line));
                }
            }
            return text.toString();
        }

        String lineOf(String type) {
            return lines.stream().filter(line -> line.startsWith("data: ") && line.contains(type)).findFirst().orElse("");
        }
    }

    static String find(String pattern, String text) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        return found.find() ? found.group(1) : "";
    }

    static Answer ask(String url, String model, String rest) throws Exception {
        String body = "{\"model\": \"" + model + "\", \"stream\": true, " + rest + "}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/responses"))
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        HttpResponse<java.util.stream.Stream<String>> response = CLIENT.send(request, BodyHandlers.ofLines());
        return new Answer(response.statusCode(), response.body().toList());
    }

    static void tell(String run, String name, String text, String call, String error) throws Exception {
        String line = String.format("{\"run\": \"%s\", \"name\": \"%s\", \"text\": %s, \"calls\": [%s], \"error\": %s}%n",
                run, name, text, call, error);
        System.out.write(line.getBytes("UTF-8"));
        System.out.flush();
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        for (int i = 1; i + 1 < arguments.length; i += 2) {
            String run = arguments[i];
            String name = arguments[i + 1];
            String model = System.getenv().getOrDefault("RESPOOL_MODEL", name);
            Answer answer = ask(url, model, "\"input\": [" + QUESTION + "]");
            String call = "";
            if (run.equals("grown") || run.equals("previous")) {
                String item = answer.lineOf("\"type\":\"response.output_item.done\"");
                String id = find("\"call_id\":" + STRING, item);
                String tool = find("\"name\":" + STRING, item);
                String given = find("\"arguments\":" + STRING, item);
                String response = find("\"id\":" + STRING, answer.lineOf("\"type\":\"response.created\""));
                call = "\"" + tool + "\"";
                String output = "{\"type\": \"function_call_output\", \"call_id\": \"" + id + "\", \"output\": \"noon\"}";
                String made = "{\"type\": \"function_call\", \"call_id\": \"" + id + "\", \"name\": \"" + tool
                        + "\", \"arguments\": \"" + given + "\"}";
                answer = run.equals("previous")
                        ? ask(url, model, "\"previous_response_id\": \"" + response + "\", \"input\": [" + output + "]")
                        : ask(url, model, "\"input\": [" + QUESTION + ", " + made + ", " + output + "]");
            }
            if (answer.status() != 200) {
                tell(run, name, "null", call, "{\"type\": \"HTTP\", \"status\": " + answer.status() + ", \"text\": \"\"}");
            } else if (!answer.lineOf("\"type\":\"response.failed\"").isEmpty()) {
                tell(run, name, "null", call, "{\"type\": \"event\", \"status\": null, \"text\": \"\"}");
            } else {
                tell(run, name, "\"" + answer.text() + "\"", call, "null");
            }
        }
    }
}
