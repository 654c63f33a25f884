import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.server.nodemanager.NodeManager;
import org.apache.hadoop.yarn.server.resourcemanager.ResourceManager;

/** Runs Hadoop's own daemons: `Cluster ROLE[,ROLE] READY_FILE` with the roles hdfs, rm, nm. The last two need a process each. */
public class Cluster {
  public static void main(String[] words) {
    try {
      start(new HashSet<>(Arrays.asList(words[0].split(","))));
      Files.writeString(Path.of(words[1]), "ready\n");
      Thread.currentThread().join();
    } catch (Throwable problem) {
      problem.printStackTrace();
      System.exit(1);
    }
  }

  private static void start(Set<String> roles) throws Exception {
    DefaultMetricsSystem.setMiniClusterMode(true);
    if (roles.contains("hdfs")) startHdfs();
    if (roles.contains("rm")) {
      ResourceManager manager = new ResourceManager();
      manager.init(new YarnConfiguration());
      manager.start();
    }
    if (roles.contains("nm")) {
      NodeManager manager = new NodeManager();
      manager.init(new YarnConfiguration());
      manager.start();
      // Ends the containers as well.
      Runtime.getRuntime().addShutdownHook(new Thread(manager::stop));
    }
  }

  private static void startHdfs() throws Exception {
    HdfsConfiguration configuration = new HdfsConfiguration();
    File folder = new File(new URI(configuration.get("dfs.namenode.name.dir")));
    if (!new File(folder, "current/VERSION").exists()) NameNode.format(configuration);
    NameNode name = NameNode.createNameNode(new String[0], configuration);
    DataNode data = DataNode.createDataNode(new String[0], configuration);
    while (name.isInSafeMode() || !data.isDatanodeFullyStarted()) Thread.sleep(50);
  }
}
