// Kafka's own serializer as an oracle: decodes and encodes messages line by line.
//
// In:  <message> <version> <version to encode in> <hex, "-" for nothing, "default" for a new message>
// Out: <hex> | "-" | "unsupported" where the message cannot be encoded in that version
//      | "refused" where the bytes cannot be decoded | "left <count>" where bytes are left over
//
// Run from its source: java -cp '<folder of jars>/*' WireBytes.java

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public class WireBytes {
    private static final List<String> PACKAGES = List.of(
        "org.apache.kafka.common.message.",
        "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.");

    private static final Map<String, Class<?>> CLASSES = new HashMap<>();

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        var out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.write(answer(line.split(" ")));
            out.newLine();
        }
        out.flush();
    }

    private static String answer(String[] words) throws Exception {
        Class<?> type = CLASSES.computeIfAbsent(words[0], WireBytes::find);
        Message message = (Message) type.getConstructor().newInstance();
        if (!words[3].equals("default")) {
            ByteBuffer frame = ByteBuffer.wrap(bytes(words[3]));
            try {
                message.read(new ByteBufferAccessor(frame), Short.parseShort(words[1]));
            } catch (RuntimeException malformed) {
                return "refused";
            }
            if (frame.hasRemaining()) {
                return "left " + frame.remaining();
            }
        }
        short version = Short.parseShort(words[2]);
        var cache = new ObjectSerializationCache();
        ByteBuffer buffer;
        try {
            buffer = ByteBuffer.allocate(message.size(cache, version));
            message.write(new ByteBufferAccessor(buffer), cache, version);
        } catch (RuntimeException unsupported) {
            return "unsupported";
        }
        return buffer.position() == 0 ? "-" : HexFormat.of().formatHex(buffer.array());
    }

    private static byte[] bytes(String hex) {
        return hex.equals("-") ? new byte[0] : HexFormat.of().parseHex(hex);
    }

    private static Class<?> find(String name) {
        for (String prefix : PACKAGES) {
            try {
                return Class.forName(prefix + name);
            } catch (ClassNotFoundException absent) {
                // It is in another package; requests and responses end in "Data".
            }
            try {
                return Class.forName(prefix + name + "Data");
            } catch (ClassNotFoundException absent) {
                // It is in another package.
            }
        }
        throw new IllegalArgumentException("no class for the message " + name);
    }
}
