// Java's HttpClient: java JavaHttpClient.java

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class JavaHttpClient {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static HttpRequest request(String body) {
        return HttpRequest.newBuilder(URI.create(System.getenv("OPENAI_BASE_URL") + "/responses"))
                .header("content-type", "application/json")
                .header("authorization", "Bearer " + System.getenv("OPENAI_API_KEY"))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }

    static String find(String pattern, String text) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws Exception {
        StringBuilder text = new StringBuilder();
        CLIENT.send(request("{\"model\": \"text/hello\", \"input\": \"Say hello\", \"stream\": true}"), BodyHandlers.ofLines())
                .body()
                .filter(line -> line.startsWith("data: ") && line.contains("output_text.delta"))
                .forEach(line -> text.append(find("\"delta\":\"([^\"]*)\"", line)));
        System.out.println("text: " + text);

        String question = "{\"role\": \"user\", \"content\": \"What is the weather in Paris now?\"}";
        String first = "{\"model\": \"tools/get_weather\", \"input\": [" + question + "]}";
        String call = find("\"call_id\":\"([^\"]*)\"", CLIENT.send(request(first), BodyHandlers.ofString()).body());
        String second = "{\"model\": \"tools/get_weather\", \"input\": [" + question + ", "
                + "{\"type\": \"function_call\", \"call_id\": \"" + call + "\", \"name\": \"get_weather\", "
                + "\"arguments\": \"{\\\"city\\\":\\\"Paris\\\",\\\"unit\\\":\\\"celsius\\\"}\"}, "
                + "{\"type\": \"function_call_output\", \"call_id\": \"" + call + "\", \"output\": \"18 degrees\"}]}";
        String answer = CLIENT.send(request(second), BodyHandlers.ofString()).body();
        System.out.println("tool: " + find("\"text\":\"([^\"]*)\"", answer));

        String limited = "{\"model\": \"errors/rate_limit\", \"input\": \"Hi\"}";
        HttpResponse<String> error = CLIENT.send(request(limited), BodyHandlers.ofString());
        System.out.println("error: " + error.statusCode());
    }
}
